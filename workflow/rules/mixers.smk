# REQUIRES  results/{study}/design/{role}.parquet, losses/, realised/, loglikelihoods/,
#           domains.parquet
# PRODUCES  results/{study}/fits/{mixer}/, validation/{mixer}.parquet, mixtures/{arm}.json,
#           surfaces/{mixer}.json, learning_curve.json, backtest.json, transfer.json,
#           export/{arm}/{blend} with .account.csv and .notes.txt


rule fit_mixer:
    input:
        design=lambda wc: tables_of("design", kept_of(wc.mixer)),
        losses=lambda wc: tables_of("losses", kept_of(wc.mixer)),
        realised=lambda wc: tables_of("realised", kept_of(wc.mixer)),
        loglikelihoods=lambda wc: loglikelihoods_of(wc.mixer),
        anchors=lambda wc: anchors_of(wc.mixer),
    output:
        directory("results/{study}/fits/{mixer}"),
    log:
        "logs/{study}/fit_mixer/{mixer}.log",
    priority: 2
    conda:
        "../../envs/analysis.yaml"
    params:
        method=lambda wc: STUDY.method_name(wc.mixer),
        settings=lambda wc: STUDY.settings(wc.mixer),
        diverged=STUDY.diverged,
        metrics=digest(METRICS),
        version=VERSIONS["fit"],
    shell:
        "python -m mixwright fit-mixer --mixer {params.method} --settings {params.settings:q}"
        " --mixtures {input.design:q} --losses {input.losses:q} --realised {input.realised:q}"
        " --loglikelihoods {input.loglikelihoods:q} --diverged {params.diverged}"
        " --anchors {input.anchors:q}"
        " --study results/{wildcards.study}/study.json --to {output:q} 2>&1 | tee {log:q}"


rule validate_mixer:
    input:
        design=lambda wc: tables_of("design", {*STUDY.roles_of(wc.mixer), "swarm"}),
        losses=lambda wc: tables_of("losses", {*STUDY.roles_of(wc.mixer), "swarm"}),
        realised=lambda wc: tables_of("realised", {*STUDY.roles_of(wc.mixer), "swarm"}),
        loglikelihoods=lambda wc: loglikelihoods_of(wc.mixer),
    output:
        "results/{study}/validation/{mixer}.parquet",
    log:
        "logs/{study}/validate_mixer/{mixer}.log",
    # The longest job of a study that trains nothing: it starts early, so that cores stay busy.
    priority: 1 if STUDY.measured else 0
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=lambda wc: STUDY.settings(wc.mixer),
        spec=digest([CONFIG["validation"]["folds"], CONFIG["seed"], CONFIG["diverged"], *CHOSEN]),
        version=VERSIONS["validate"],
    shell:
        "python -m mixwright validate-mixer --study results/{wildcards.study}/study.json"
        " --mixer {wildcards.mixer} --settings {params.settings:q}"
        " --mixtures {input.design:q} --losses {input.losses:q} --realised {input.realised:q}"
        " --loglikelihoods {input.loglikelihoods:q} --to {output:q} 2>&1 | tee {log:q}"


rule propose_mixture:
    input:
        domains="results/{study}/domains.parquet",
        fit=lambda wc: fit_of(STUDY.arms[wc.arm][0]),
    output:
        "results/{study}/mixtures/{arm}.json",
    log:
        "logs/{study}/propose_mixture/{arm}.log",
    priority: 2
    conda:
        "../../envs/analysis.yaml"
    params:
        arm=lambda wc: STUDY.arms[wc.arm],
        settings=lambda wc: STUDY.settings(STUDY.arms[wc.arm][0]),
        spec=lambda wc: digest(
            [
                STUDY.weighed_by(*STUDY.arms[wc.arm]),
                STUDY.final_tokens,
                CONFIG["goal"],
                CONFIG["validation"]["draws"],
                CONFIG["seed"],
            ]
        ),
        version=VERSIONS["propose"],
    shell:
        "python -m mixwright propose-mixture --study results/{wildcards.study}/study.json"
        " --mixer {params.arm[0]} --goal {params.arm[1]:q} --settings {params.settings:q}"
        " --fit {input.fit:q} --domains {input.domains:q} --to {output:q} 2>&1 | tee {log:q}"


rule surface:
    input:
        domains="results/{study}/domains.parquet",
        fit="results/{study}/fits/{mixer}",
    output:
        "results/{study}/surfaces/{mixer}.json",
    log:
        "logs/{study}/surface/{mixer}.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        spec=digest(
            [
                STUDY.target_weights,
                STUDY.final_tokens,
                CONFIG["goal"],
                CONFIG["seed"],
            ]
        ),
        version=VERSIONS["surface"],
    shell:
        "python -m mixwright surface --study results/{wildcards.study}/study.json"
        " --fit {input.fit:q} --domains {input.domains:q} --to {output:q} 2>&1 | tee {log:q}"


# Of one quick mixer: it says whether more runs would help.
rule learning_curve:
    input:
        design=tables_of("design", ["swarm"]),
        losses=tables_of("losses", ["swarm"]),
        realised=tables_of("realised", ["swarm"]),
    output:
        "results/{study}/learning_curve.json",
    log:
        "logs/{study}/learning_curve.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        mixer=curve_mixer(STUDY),
        settings=STUDY.settings(curve_mixer(STUDY)) if curve_mixer(STUDY) else "{}",
        seed=CONFIG["seed"],
        diverged=STUDY.diverged,
        spec=digest([STUDY.target_weights, *CHOSEN]),
        version=digest([VERSIONS["fit"], VERSIONS["curve"]]),
    shell:
        "python -m mixwright learning-curve --study results/{wildcards.study}/study.json"
        " --mixer {params.mixer} --settings {params.settings:q} --seed {params.seed}"
        " --mixtures {input.design:q} --losses {input.losses:q} --realised {input.realised:q}"
        " --diverged {params.diverged} --to {output:q} 2>&1 | tee {log:q}"


# A blend is a trainer's file: the name of its format, and a suffix.
rule export_mixture:
    input:
        mixture="results/{study}/mixtures/{arm}.json",
        domains="results/{study}/domains.parquet",
        fit=lambda wc: predicting_fit_of(STUDY.arms[wc.arm][0]),
        sources=seen_by_snakemake(EXPORT_SOURCES),
    output:
        blend="results/{study}/export/{arm}/{blend}",
        table="results/{study}/export/{arm}/{blend}.account.csv",
        notes="results/{study}/export/{arm}/{blend}.notes.txt",
    log:
        "logs/{study}/export_mixture/{arm}.{blend}.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        format=lambda wc: wc.blend.partition(".")[0],
        sources=EXPORT_SOURCES,
        spec=lambda wc: digest(export_settings(STUDY, wc.blend.partition(".")[0])),
        files=stamps(EXPORT_SOURCES),
        version=VERSIONS["export"],
    shell:
        "python -m mixwright export-mixture --study results/{wildcards.study}/study.json"
        " --arm {wildcards.arm:q} --format {params.format} --mixture {input.mixture:q}"
        " --domains {input.domains:q} --fit {input.fit:q} --sources {params.sources:q}"
        " --to {output.blend:q} --table {output.table:q} --notes {output.notes:q}"
        " 2>&1 | tee {log:q}"


rule backtest:
    input:
        domains="results/{study}/domains.parquet",
        design=tables_of("design", STUDY.scaled_roles),
        losses=tables_of("losses", STUDY.scaled_roles),
        realised=tables_of("realised", STUDY.scaled_roles),
    output:
        "results/{study}/backtest.json",
    log:
        "logs/{study}/backtest.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=STUDY.scaled_settings,
        spec=digest(
            [
                STUDY.target_weights,
                STUDY.final_tokens,
                CONFIG["goal"],
                CONFIG["seed"],
                STUDY.diverged,
                *CHOSEN,
            ]
        ),
        version=VERSIONS["backtest"],
    shell:
        "python -m mixwright backtest --study results/{wildcards.study}/study.json"
        " --domains {input.domains:q} --settings {params.settings:q}"
        " --mixtures {input.design:q} --losses {input.losses:q} --realised {input.realised:q}"
        " --to {output:q} 2>&1 | tee {log:q}"


rule transfer:
    input:
        # the second model size repeats mixtures of the first round
        design=rounds_before("design", 2) + tables_of("design", ["transfer"]),
        losses=rounds_before("losses", 2) + tables_of("losses", ["transfer"]),
    output:
        "results/{study}/transfer.json",
    log:
        "logs/{study}/transfer.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        spec=digest([STUDY.target_weights, STUDY.diverged, *CHOSEN]),
        version=VERSIONS["backtest"],
    shell:
        "python -m mixwright transfer --study results/{wildcards.study}/study.json"
        " --mixtures {input.design:q} --losses {input.losses:q}"
        " --to {output:q} 2>&1 | tee {log:q}"
