# REQUIRES  the files of the study's tables: local, public or in the mirror
# PRODUCES  results/{study}/datasets/{domain}/


rule make_datasets:
    input:
        tables=lambda wc: TABLES,
    output:
        directory(
            expand("results/{study}/datasets/{domain}", domain=STUDY.domains, allow_missing=True)
        ),
    log:
        "logs/{study}/make_datasets.log",
    conda:
        "../../envs/tabular.yaml"
    params:
        spec=spec("tables", "domains", "seed"),
        version=VERSIONS["datasets"],
    shell:
        "python -m mixwright make-datasets --study results/{wildcards.study}/study.json"
        " --tables {input.tables:q}"
        " --to results/{wildcards.study}/datasets 2>&1 | tee {log:q}"
