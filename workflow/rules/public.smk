# REQUIRES  the addresses in the study's section `public`, or the folder $MIXWRIGHT_MIRROR
# PRODUCES  results/{study}/public/{file}


rule fetch_public:
    output:
        "results/{study}/public/{file}",
    log:
        "logs/{study}/fetch_public/{file}.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        spec=lambda wc: digest(CONFIG["public"][STUDY.public_name(wc.file)]),
        version=VERSIONS["fetch"],
    shell:
        "python -m mixwright fetch-public --study results/{wildcards.study}/study.json"
        " --file {wildcards.file:q} --to {output:q} 2>&1 | tee {log:q}"
