# REQUIRES  results/{study}/mixtures/{arm}.json, shards/{name}/, tokenizer/, targets/{name}.npz
# PRODUCES  results/{study}/finals/{pack}.parquet (and the models, in results/store/finals),
#           curves/{pack}.parquet, scores/{pack}.parquet, final_documents/{pack}.parquet


rule train_finals:
    input:
        mixtures=lambda wc: mixtures_of(STUDY.final_packs[wc.pack]),
        shards=SHARDS,
        tokenizer=TOKENIZER,
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
        version=VERSIONS["final"],
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
    resources:
        gpu=int(CONFIG["final"]["device"] == "cuda"),
        mem_mb=lambda wc, attempt: attempt * memory_mb(STUDY, "final", runs=1),
        runtime=lambda wc, attempt: attempt
        * scoring_minutes(STUDY, len(STUDY.final_packs[wc.pack])),
    params:
        spec=spec("evaluation.final_tokens"),
        version=VERSIONS["evaluate"],
    shell:
        "python -m mixwright evaluate-finals --study results/{wildcards.study}/study.json"
        " --finals {input.finals:q} --shards {input.shards:q} --targets {input.targets:q}"
        " --scores {output.scores:q} --documents {output.documents:q} 2>&1 | tee {log:q}"
