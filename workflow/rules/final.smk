# REQUIRES  results/{study}/mixtures/{arm}.json, shards/{name}/, tokenizer/, targets/{name}.npz
# PRODUCES  results/{study}/finals/{pack}.parquet (and the models, in results/store/finals),
#           curves/{pack}.parquet, scores/{pack}.parquet, final_documents/{pack}.parquet,
#           snapshot_scores/{pack}.parquet where the study keeps copies of finals on the way,
#           task_scores/{pack}.parquet, task_answers/{pack}.parquet where the study names tasks


rule train_finals:
    input:
        mixtures=lambda wc: mixtures_of(STUDY.final_packs[wc.pack]),
        shards=SHARDS,
        tokenizer=TOKENIZER,
        start=seen_by_snakemake(START_FILES["final"]),
        after=BEFORE_FINALS,
    output:
        finals="results/{study}/finals/{pack}.parquet",
        curves="results/{study}/curves/{pack}.parquet",
    log:
        "logs/{study}/train_finals/{pack}.log",
    conda:
        f"../../envs/{STUDY.learner.environment}.yaml"
    threads: CONFIG["final"]["processes"]
    resources:
        **placement(CONFIG["final"], WARNED),
        mem_mb=lambda wc, attempt: request_of_finals(wc.pack).mem_mb(attempt),
        runtime=lambda wc, attempt: request_of_finals(wc.pack).runtime(attempt),
    params:
        version=version_of("final", "final"),
    shell:
        launch(CONFIG["final"], WARNED)
        + " train-finals --study results/{wildcards.study}/study.json --pack {wildcards.pack}"
        " --mixtures {input.mixtures:q} --shards {input.shards:q} --tokenizer {input.tokenizer:q}"
        " --store results/store --to {output.finals:q} --curves {output.curves:q} 2>&1 | tee {log:q}"


rule evaluate_finals:
    input:
        finals="results/{study}/finals/{pack}.parquet",
        shards=SHARDS,
        targets=TARGETS,
    output:
        scores="results/{study}/scores/{pack}.parquet",
        documents="results/{study}/final_documents/{pack}.parquet",
    log:
        "logs/{study}/evaluate_finals/{pack}.log",
    conda:
        f"../../envs/{STUDY.learner.environment}.yaml"
    threads: CONFIG["final"]["processes"]
    resources:
        **placement(CONFIG["final"], None),
        mem_mb=lambda _, attempt: attempt
        * memory_mb(STUDY, "final", CONFIG["final"]["processes"], runs=1),
        runtime=lambda wc, attempt: attempt
        * scoring_minutes(STUDY, len(STUDY.final_packs[wc.pack])),
    params:
        spec=spec(
            "evaluation.final_tokens",
            "evaluation.document_tokens",
            "evaluation.example_tokens",
        ),
        version=VERSIONS["evaluate"],
    shell:
        launch(CONFIG["final"]) + " evaluate-finals --study results/{wildcards.study}/study.json"
        " --finals {input.finals:q} --shards {input.shards:q} --targets {input.targets:q}"
        " --scores {output.scores:q} --documents {output.documents:q} 2>&1 | tee {log:q}"


rule evaluate_snapshots:
    input:
        finals="results/{study}/finals/{pack}.parquet",
        shards=SHARDS,
        targets=TARGETS,
    output:
        scores="results/{study}/snapshot_scores/{pack}.parquet",
    log:
        "logs/{study}/evaluate_snapshots/{pack}.log",
    conda:
        f"../../envs/{STUDY.learner.environment}.yaml"
    threads: CONFIG["final"]["processes"]
    resources:
        **placement(CONFIG["final"], None),
        mem_mb=lambda _, attempt: attempt
        * memory_mb(STUDY, "final", CONFIG["final"]["processes"], runs=1),
        runtime=lambda wc, attempt: attempt
        * snapshot_minutes(STUDY, len(STUDY.final_packs[wc.pack])),
    params:
        spec=spec(
            "evaluation.final_tokens",
            "evaluation.document_tokens",
            "evaluation.example_tokens",
        ),
        version=VERSIONS["evaluate"],
    shell:
        launch(CONFIG["final"])
        + " evaluate-snapshots --study results/{wildcards.study}/study.json"
        " --finals {input.finals:q} --shards {input.shards:q} --targets {input.targets:q}"
        " --to {output.scores:q} 2>&1 | tee {log:q}"


rule evaluate_tasks:
    input:
        finals="results/{study}/finals/{pack}.parquet",
        tasks=as_inputs(TASK_FILES),
    output:
        scores="results/{study}/task_scores/{pack}.parquet",
        answers="results/{study}/task_answers/{pack}.parquet",
    log:
        "logs/{study}/evaluate_tasks/{pack}.log",
    conda:
        "../../envs/tasks.yaml"
    threads: CONFIG["final"]["processes"]
    resources:
        **placement(CONFIG["final"], None),
        mem_mb=lambda _, attempt: attempt * memory_mb(STUDY, "final", CONFIG["final"]["processes"]),
        runtime=lambda wc, attempt: attempt * task_minutes(STUDY, len(STUDY.final_packs[wc.pack])),
    params:
        spec=digest(STUDY.task_spec),
        files=stamps(TASK_FILES),
        version=VERSIONS["tasks"],
    shell:
        launch(CONFIG["final"]) + " evaluate-tasks --study results/{wildcards.study}/study.json"
        " --finals {input.finals:q} --scores {output.scores:q} --answers {output.answers:q}"
        " 2>&1 | tee {log:q}"
