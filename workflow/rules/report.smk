# REQUIRES  results/{study}/design/{role}.parquet, losses, validation, backtest.json, transfer.json, mixtures, scores, documents of the finals
# PRODUCES  results/{study}/report/{figure}.svg, summary.html, summary.json, finals.parquet


rule draw_figure:
    input:
        unpack(lambda wc: figure_inputs(wc.figure)),
    output:
        report(
            "results/{study}/report/{figure}.svg",
            caption="../report/figure.rst",
            category="Figures",
            labels={"figure": "{figure}"},
        ),
    log:
        "logs/{study}/draw_figure/{figure}.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        spec=digest(STUDY.target_weights),
        version=VERSIONS["report"],
    shell:
        "python -m mixwright draw --figure {wildcards.figure} --study results/{wildcards.study}/study.json --design {input.design:q} --losses {input.losses:q}"
        " --validation {input.validation:q} --mixtures {input.mixtures:q} --scores {input.scores:q} --documents {input.documents:q}"
        " --to {output:q} 2>&1 | tee {log:q}"


rule summarise:
    input:
        **RESULTS,
        shards=SHARDS,
        figures=expand("results/{study}/report/{figure}.svg", study=NAME, figure=drawn()),
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
        "python -m mixwright summarise --study results/{wildcards.study}/study.json --design {input.design:q} --losses {input.losses:q}"
        " --validation {input.validation:q} --mixtures {input.mixtures:q} --scores {input.scores:q} --documents {input.documents:q}"
        " --backtest {input.backtest:q} --transfer {input.transfer:q} --shards {input.shards:q} --figures {input.figures:q} --html {output.html:q} --json {output.json:q} --table {output.table:q} 2>&1 | tee {log:q}"
