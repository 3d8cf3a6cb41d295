# Figures of every study, each with the numbers behind it.
# REQUIRES  what workflow/mixwright/report/layout.py lists of a figure's inputs
# PRODUCES  results/{study}/report/{figure}.svg, .csv, .pdf, .png


rule draw_figure:
    input:
        unpack(lambda wc: figure_paths(STUDY, RESULTS_FOLDER, wc.figure)),
    output:
        report(
            "results/{study}/report/{figure}.svg",
            caption="../report/figure.rst",
            category="Figures",
            labels={"figure": "{figure}"},
        ),
        report(
            "results/{study}/report/{figure}.csv",
            caption="../report/figure.rst",
            category="Tables",
            labels={"table": "{figure}"},
        ),
        "results/{study}/report/{figure}.pdf",
        "results/{study}/report/{figure}.png",
    log:
        "logs/{study}/draw_figure/{figure}.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        spec=digest([STUDY.target_weights, *CHOSEN] if CHOSEN else STUDY.target_weights),
        version=VERSIONS["report"],
    shell:
        "python -m mixwright draw-figure --study results/{wildcards.study}/study.json"
        " --figure {wildcards.figure} --to {output:q} 2>&1 | tee {log:q}"
