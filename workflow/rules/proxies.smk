# REQUIRES  results/{study}/shards/{name}/ (of trees: datasets/{name}/), targets/{name}.npz
# PRODUCES  results/{study}/domains.parquet, scored.json, texts.json, calibration.json,
#           design/{role}.parquet, packs/{pack}.parquet, measured/{batch}.parquet,
#           losses/{role}.parquet, realised/{role}.parquet, loglikelihoods/{role}.parquet,
#           merged.json


rule count_domains:
    input:
        shards=SHARDS,
    output:
        "results/{study}/domains.parquet",
    log:
        "logs/{study}/count_domains.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        stated=digest(STATED_TOKENS),
        version=VERSIONS["tokenize"],
    shell:
        "python -m mixwright count-domains --study results/{wildcards.study}/study.json"
        " --shards {input.shards:q} --to {output:q} 2>&1 | tee {log:q}"


# Jobs read these two files in place of a list of texts each. With ten thousand jobs the lists were
# half the cost of a dry run. They are two, for another target is no reason to train.
rule list_scored:
    input:
        shards=SHARDS,
        targets=TARGETS,
        domains="results/{study}/domains.parquet",
    output:
        "results/{study}/scored.json",
    log:
        "logs/{study}/list_scored.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        scoring=STUDY.scoring,
        version=VERSIONS["measure"],
    shell:
        "python -m mixwright list-scored --study results/{wildcards.study}/study.json"
        " --shards {input.shards:q} --targets {input.targets:q}"
        " --domains {input.domains:q} --to {output:q} 2>&1 | tee {log:q}"


# What is scored is there before anything is trained. A change of it trains nothing.
rule list_texts:
    input:
        shards=SHARDS,
        domains="results/{study}/domains.parquet",
        scored=ancient("results/{study}/scored.json"),
    output:
        "results/{study}/texts.json",
    log:
        "logs/{study}/list_texts.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        version=VERSIONS["collect"],
    shell:
        "python -m mixwright list-texts --shards {input.shards:q}"
        " --domains {input.domains:q} --to {output:q} 2>&1 | tee {log:q}"


rule resolve_design:
    input:
        domains="results/{study}/domains.parquet",
    output:
        "results/{study}/design/{role}.parquet",
    log:
        "logs/{study}/resolve_design/{role}.log",
    wildcard_constraints:
        role=r"[a-z]+",
    priority: 1
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        runs=lambda wc: digest([run.name for run in STUDY.tables[wc.role]]),
        version=VERSIONS["design"],
    shell:
        "python -m mixwright resolve-design --study results/{wildcards.study}/study.json"
        " --role {wildcards.role}"
        " --domains {input.domains:q} --to {output:q} 2>&1 | tee {log:q}"


# A further round of the swarm: its runs are known from the start, their weights follow from what the
# rounds before measured.
rule design_round:
    input:
        domains="results/{study}/domains.parquet",
        design=lambda wc: rounds_before("design", wc.round),
        losses=lambda wc: rounds_before("losses", wc.round),
        realised=lambda wc: rounds_before("realised", wc.round),
    output:
        "results/{study}/design/swarm-{round}.parquet",
    log:
        "logs/{study}/design_round/{round}.log",
    priority: 2
    conda:
        "../../envs/analysis.yaml"
    params:
        runs=lambda wc: digest([run.name for run in STUDY.tables[f"swarm-{wc.round}"]]),
        spec=ROUND_SPEC,
        version=VERSIONS["round"],
    shell:
        "python -m mixwright design-round --study results/{wildcards.study}/study.json"
        " --round {wildcards.round} --domains {input.domains:q}"
        " --mixtures {input.design:q} --losses {input.losses:q} --realised {input.realised:q}"
        " --to {output:q} 2>&1 | tee {log:q}"


# Runs once a study. A choice made before on this machine type is taken from the store, so that the
# noise of a timing changes no number.
rule calibrate:
    input:
        texts=unless_retold("results/{study}/texts.json"),
        start=seen_by_snakemake(START_FILES["proxy"]),
    output:
        "results/{study}/calibration.json",
    log:
        "logs/{study}/calibrate.log",
    priority: 2
    conda:
        f"../../envs/{STUDY.learner.environment}.yaml"
    resources:
        gpu=int(CONFIG["proxy"]["device"] == "cuda"),
        mem_mb=lambda wc, attempt: attempt * calibration_mb(STUDY),
    params:
        asked=digest([STUDY.proxy_spec, CONFIG["proxy"]["wave"]]),
        version=version_of("calibrate", "proxy"),
    shell:
        "python -m mixwright calibrate --study results/{wildcards.study}/study.json"
        " --texts {input.texts:q} --store results/store"
        " --to {output:q} 2>&1 | tee {log:q}"


# One input, whatever the learner. Each more adds a tenth to the dry run of ten thousand jobs. Where
# weights are not kept, what is scored is another: runs are trained again for it. Where the swarm has
# rounds, the weights of a further one are another.
rule train_proxies:
    input:
        **SCORED_IN_TRAINING,
        **DESIGNED_BEFORE,
        texts=unless_retold(TEXTS),
    output:
        "results/{study}/packs/{pack}.parquet",
    log:
        "logs/{study}/train_proxies/{pack}.log",
    priority: 2
    conda:
        f"../../envs/{STUDY.learner.environment}.yaml"
    resources:
        gpu=int(CONFIG["proxy"]["device"] == "cuda"),
        mem_mb=lambda wc, attempt: request_of(wc.pack).mem_mb(attempt),
        runtime=lambda wc, attempt: request_of(wc.pack).runtime(attempt),
        slurm_extra=lambda wc: warning(request_of(wc.pack).warned),
    params:
        version=version_of("proxy", "proxy"),
    shell:
        "python -m mixwright train-proxies --study results/{wildcards.study}/study.json"
        " --pack {wildcards.pack} --texts {input.texts:q}"
        " --scored results/{wildcards.study}/scored.json"
        " --designs results/{wildcards.study}/design"
        " --store results/store --to {output:q} 2>&1 | tee {log:q}"


# Scores what was not scored while it was trained, and gathers all of it. A batch is some packs, so
# that thousands of packs are not as many jobs once more.
rule evaluate_proxies:
    input:
        packs=lambda wc: packs_of_batch(wc.batch),
        scored="results/{study}/scored.json",
    output:
        "results/{study}/measured/{batch}.parquet",
    log:
        "logs/{study}/evaluate_proxies/{batch}.log",
    priority: 2
    conda:
        f"../../envs/{STUDY.learner.environment}.yaml"
    resources:
        gpu=int(CONFIG["proxy"]["device"] == "cuda"),
        mem_mb=lambda wc, attempt: attempt * batch_mb(STUDY, wc.batch),
        runtime=lambda wc, attempt: attempt * batch_minutes(STUDY, wc.batch),
        # what is scored until then is stored
        slurm_extra=warning(),
    params:
        version=VERSIONS["measure"],
    shell:
        "python -m mixwright evaluate-proxies --study results/{wildcards.study}/study.json"
        " --batch {wildcards.batch} --packs results/{wildcards.study}/packs"
        " --designs results/{wildcards.study}/design"
        " --scored {input.scored:q} --store results/store --to {output:q} 2>&1 | tee {log:q}"


rule collect_losses:
    input:
        measured=lambda wc: batches_of(wc.role),
    output:
        losses="results/{study}/losses/{role}.parquet",
        realised="results/{study}/realised/{role}.parquet",
    log:
        "logs/{study}/collect_losses/{role}.log",
    priority: 2
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        version=VERSIONS["collect"],
    shell:
        "python -m mixwright collect-losses --study results/{wildcards.study}/study.json"
        " --role {wildcards.role} --measured results/{wildcards.study}/measured"
        " --losses {output.losses:q} --realised {output.realised:q} 2>&1 | tee {log:q}"


rule collect_loglikelihoods:
    input:
        measured=lambda wc: batches_of(wc.role),
    output:
        "results/{study}/loglikelihoods/{role}.parquet",
    log:
        "logs/{study}/collect_loglikelihoods/{role}.log",
    priority: 2
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        version=VERSIONS["collect"],
    shell:
        "python -m mixwright collect-loglikelihoods --study results/{wildcards.study}/study.json"
        " --role {wildcards.role}"
        " --measured results/{wildcards.study}/measured --to {output:q} 2>&1 | tee {log:q}"


# Weights of single-domain runs, interpolated by each mixture of the swarm: nothing is trained.
rule merged:
    input:
        packs=packs_of("vertex"),
        scored="results/{study}/scored.json",
        design=tables_of("design", ["swarm"]),
        losses=tables_of("losses", ["swarm"]),
    output:
        "results/{study}/merged.json",
    log:
        "logs/{study}/merged.log",
    conda:
        f"../../envs/{STUDY.learner.environment}.yaml"
    resources:
        gpu=int(CONFIG["proxy"]["device"] == "cuda"),
        mem_mb=lambda wc, attempt: attempt * merging_mb(),
        runtime=lambda wc, attempt: attempt * merging_minutes(),
    params:
        spec=digest([STUDY.target_weights]),
        version=VERSIONS["merge"],
    shell:
        "python -m mixwright merged --study results/{wildcards.study}/study.json"
        " --store results/store --to {output:q} 2>&1 | tee {log:q}"
