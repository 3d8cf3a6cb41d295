# REQUIRES  results/{study}/design/{role}.parquet, losses/, validation/, mixtures/, surfaces/,
#           scores/, final_documents/, backtest.json, transfer.json
# PRODUCES  results/{study}/report/summary.html, summary.json, finals.parquet
#           report/proposals.html, proposals.json; with `finals: none` they are the summary


rule summarise:
    input:
        **result_paths(STUDY, RESULTS_FOLDER),
        shards=SHARDS,
        targets=TARGETS,
        surfaces=SURFACES,
        figures=figure_files(STUDY, RESULTS_FOLDER, suffixes=ON_PAGE),
        exports=EXPORTS,
    output:
        html=report(
            "results/{study}/report/summary.html",
            caption="../report/summary.rst",
            category="Summary",
        ),
        json="results/{study}/report/summary.json",
        table="results/{study}/report/finals.parquet",
    log:
        "logs/{study}/summarise.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        spec=digest(CONFIG),
        version=VERSIONS["report"],
    shell:
        "python -m mixwright summarise --study results/{wildcards.study}/study.json"
        " --html {output.html:q} --json {output.json:q} --table {output.table:q}"
        " 2>&1 | tee {log:q}"


# A study that ends at its proposals has no summary of finals.
ruleorder: summarise_proposals > summarise


rule summarise_proposals:
    input:
        **proposal_paths(STUDY, RESULTS_FOLDER),
        fits=fit_paths(STUDY, RESULTS_FOLDER),
        shards=SHARDS,
        targets=TARGETS,
        surfaces=SURFACES,
        figures=figure_files(STUDY, RESULTS_FOLDER, finals=False, suffixes=ON_PAGE),
        exports=EXPORTS,
    output:
        html=report(
            f"{proposals_page(STUDY, 'results/{study}')}.html",
            caption="../report/proposals.rst",
            category="Summary",
        ),
        json=f"{proposals_page(STUDY, 'results/{study}')}.json",
    log:
        "logs/{study}/summarise_proposals.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        spec=digest(CONFIG),
        version=VERSIONS["report"],
    shell:
        "python -m mixwright summarise-proposals --study results/{wildcards.study}/study.json"
        " --html {output.html:q} --json {output.json:q} 2>&1 | tee {log:q}"
