# Takes the place of corpus, proxies and finals where others measured the losses.
# REQUIRES  the tables that the study's section `measured` names: files, or public/{file}
# PRODUCES  results/{study}/design/{role}.parquet, losses/{role}.parquet, domains.parquet
#           of a swarm: tests/{mixer}.parquet, subsets/{mixer}.parquet, regions/{mixer}.json,
#           predictions.parquet
#           of published optima: ladder.parquet
#           report/summary.html, summary.json


rule import_runs:
    input:
        mixtures=lambda wc: STUDY.located(STUDY.measured[wc.role].get("mixtures", [])),
        losses=lambda wc: STUDY.located(STUDY.measured[wc.role]["losses"]),
    output:
        design="results/{study}/design/{role}.parquet",
        losses="results/{study}/losses/{role}.parquet",
    log:
        "logs/{study}/import_runs/{role}.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        spec=lambda wc: digest([METRICS, STUDY.measured[wc.role], STUDY.diverged]),
        files=lambda wc, input: stamps(input),
        version=VERSIONS["import"],
    shell:
        "python -m mixwright import-runs --study results/{wildcards.study}/study.json"
        " --role {wildcards.role} --mixtures {input.mixtures:q} --losses {input.losses:q}"
        " --design {output.design:q} --table {output.losses:q} 2>&1 | tee {log:q}"


rule weigh_domains:
    input:
        published=lambda wc: (
            list(STUDY.published.values()) if isinstance(STUDY.measured["natural"], str) else []
        ),
        design=tables_of("design", STUDY.runs),
    output:
        "results/{study}/domains.parquet",
    log:
        "logs/{study}/weigh_domains.log",
    priority: 2
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        spec=digest(STUDY.measured["natural"]),
        files=lambda wc, input: stamps(input.published),
        version=VERSIONS["import"],
    shell:
        "python -m mixwright weigh-domains --study results/{wildcards.study}/study.json"
        " --design {input.design:q} --to {output:q} 2>&1 | tee {log:q}"


rule climb_ladder:
    input:
        lambda wc: STUDY.located(STUDY.measured["optima"]["file"]),
    output:
        "results/{study}/ladder.parquet",
    log:
        "logs/{study}/climb_ladder.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        spec=lambda wc: digest(STUDY.measured["optima"]),
        files=lambda wc, input: stamps(input),
        version=VERSIONS["climb"],
    shell:
        "python -m mixwright climb-ladder --study results/{wildcards.study}/study.json"
        " --optima {input:q} --to {output:q} 2>&1 | tee {log:q}"


# The test sets are read here and in score_subsets only. No choice depends on either rule.
rule predict_tests:
    input:
        tests=[path for tables in STUDY.tests.values() for path in tables],
        fit="results/{study}/fits/{mixer}",
    output:
        "results/{study}/tests/{mixer}.parquet",
    log:
        "logs/{study}/predict_tests/{mixer}.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        spec=digest([STUDY.measured["tests"], STUDY.diverged]),
        files=lambda wc, input: stamps(input.tests),
        version=VERSIONS["test"],
    shell:
        "python -m mixwright predict-tests --study results/{wildcards.study}/study.json"
        " --mixer {wildcards.mixer} --fit {input.fit:q}"
        " --to {output:q} 2>&1 | tee {log:q}"


rule score_subsets:
    input:
        tests=[path for tables in STUDY.tests.values() for path in tables],
        design="results/{study}/design/swarm.parquet",
        losses="results/{study}/losses/swarm.parquet",
    output:
        "results/{study}/subsets/{mixer}.parquet",
    log:
        "logs/{study}/score_subsets/{mixer}.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=lambda wc: STUDY.settings(wc.mixer),
        spec=lambda wc: digest(
            [
                STUDY.measured["subsets"][wc.mixer],
                STUDY.measured["tests"],
                CONFIG["seed"],
                STUDY.diverged,
            ]
        ),
        files=lambda wc, input: stamps(input.tests),
        version=digest([VERSIONS["fit"], VERSIONS["test"]]),
    shell:
        "python -m mixwright score-subsets --study results/{wildcards.study}/study.json"
        " --mixer {wildcards.mixer} --settings {params.settings:q}"
        " --mixtures {input.design:q} --losses {input.losses:q} --to {output:q} 2>&1 | tee {log:q}"


rule find_region:
    input:
        design="results/{study}/design/swarm.parquet",
        losses="results/{study}/losses/swarm.parquet",
        domains="results/{study}/domains.parquet",
    output:
        "results/{study}/regions/{mixer}.json",
    log:
        "logs/{study}/find_region/{mixer}.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=lambda wc: STUDY.settings(wc.mixer),
        spec=lambda wc: digest(
            [
                STUDY.measured["regions"][wc.mixer],
                STUDY.target_weights,
                CONFIG["goal"],
                CONFIG["seed"],
            ]
        ),
        version=digest([VERSIONS["fit"], VERSIONS["propose"], VERSIONS["region"]]),
    shell:
        "python -m mixwright find-region --study results/{wildcards.study}/study.json"
        " --mixer {wildcards.mixer} --settings {params.settings:q}"
        " --mixtures {input.design:q} --losses {input.losses:q} --domains {input.domains:q}"
        " --to {output:q} 2>&1 | tee {log:q}"


rule predict_mixtures:
    input:
        published=list(STUDY.published.values()),
        fits=expand("results/{study}/fits/{mixer}", study=NAME, mixer=validated(STUDY)),
        mixtures=expand("results/{study}/mixtures/{mixer}.json", study=NAME, mixer=STUDY.mixers),
    output:
        "results/{study}/predictions.parquet",
    log:
        "logs/{study}/predict_mixtures.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        spec=digest(sorted(STUDY.published)),
        files=lambda wc, input: stamps(input.published),
        version=VERSIONS["test"],
    shell:
        "python -m mixwright predict-mixtures --study results/{wildcards.study}/study.json"
        " --fits {input.fits:q} --mixtures {input.mixtures:q}"
        " --to {output:q} 2>&1 | tee {log:q}"


rule summarise_measured:
    input:
        **result_paths(STUDY, RESULTS_FOLDER),
        surfaces=SURFACES,
        published=list(STUDY.published.values()),
        figures=figure_files(STUDY, RESULTS_FOLDER, suffixes=ON_PAGE),
        exports=EXPORTS,
    output:
        html=report(
            "results/{study}/report/summary.html",
            caption="../report/measured.rst",
            category="Summary",
        ),
        json="results/{study}/report/summary.json",
    log:
        "logs/{study}/summarise_measured.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        spec=digest(CONFIG),
        version=VERSIONS["report"],
    shell:
        "python -m mixwright summarise-measured --study results/{wildcards.study}/study.json"
        " --html {output.html:q} --json {output.json:q} 2>&1 | tee {log:q}"
