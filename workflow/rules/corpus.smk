# REQUIRES  the study's sources: local files, or the text that every installation has
# PRODUCES  results/{study}/documents/{name}/{part}.parquet, tokens/{name}/{part}/, tokenizer/,
#           shards/{name}/, targets/{name}.npz
# A domain is read in one part or more, each a job of its own. harvest is what a rule made ready for
# the source, nothing for most kinds of source.


rule harvest_installed:
    output:
        directory("results/{study}/installed"),
    log:
        "logs/{study}/harvest_installed.log",
    conda:
        "../../envs/corpus.yaml"
    params:
        spec=digest(STUDY.harvest),
        version=VERSIONS["harvest"],
    shell:
        "python -m mixwright harvest-installed --study results/{wildcards.study}/study.json"
        " --to {output:q} 2>&1 | tee {log:q}"


rule read_target:
    input:
        harvest=lambda wc: SOURCES[wc.name].prepared(),
        files=lambda wc: inputs_of(wc.name),
    output:
        "results/{study}/questions/{name}.parquet",
    log:
        "logs/{study}/read_target/{name}.log",
    conda:
        "../../envs/corpus.yaml"
    params:
        spec=lambda wc: target_spec(wc.name),
        files=lambda wc: stamps_of(wc.name),
        version=VERSIONS["questions"],
    shell:
        "python -m mixwright read-target --study results/{wildcards.study}/study.json"
        " --target {wildcards.name:q} --harvest {input.harvest:q}"
        " --to {output:q} 2>&1 | tee {log:q}"


rule clean_part:
    input:
        harvest=lambda wc: SOURCES[wc.name].prepared(),
        files=lambda wc: inputs_of(wc.name),
        questions=questions_of(STUDY.targets),
    output:
        "results/{study}/documents/{name}/{part}.parquet",
    log:
        "logs/{study}/clean_part/{name}/{part}.log",
    conda:
        "../../envs/corpus.yaml"
    resources:
        mem_mb=lambda wc, attempt: attempt * cleaning_mb(STUDY, wc.name),
        runtime=lambda wc, attempt: attempt * cleaning_minutes(STUDY, wc.name),
    params:
        parts=lambda wc: STUDY.parts(wc.name),
        spec=lambda wc: domain_spec(wc.name),
        files=lambda wc: stamps_of(wc.name),
        version=VERSIONS["clean"],
    shell:
        "python -m mixwright clean-part --study results/{wildcards.study}/study.json"
        " --domain {wildcards.name:q} --part {wildcards.part} --parts {params.parts}"
        " --harvest {input.harvest:q} --questions {input.questions:q}"
        " --to {output:q} 2>&1 | tee {log:q}"


# A tokenizer of the user is copied, whatever the text is.
rule train_tokenizer:
    input:
        documents=[] if STUDY.own_tokenizer else all_documents(),
        files=seen_by_snakemake(TOKENIZER_FILES),
    output:
        directory("results/{study}/tokenizer"),
    log:
        "logs/{study}/train_tokenizer.log",
    conda:
        "../../envs/corpus.yaml"
    params:
        spec=digest([CONFIG["tokenizer"], *["mask"] * STUDY.learner.masked, *STUDY.tokenizer_print]),
        version=VERSIONS["tokenizer"],
    shell:
        "python -m mixwright train-tokenizer --study results/{wildcards.study}/study.json"
        " --documents {input.documents:q} --to {output:q} 2>&1 | tee {log:q}"


rule tokenize_part:
    input:
        documents="results/{study}/documents/{name}/{part}.parquet",
        earlier=lambda wc: earlier_of(wc.name, int(wc.part)),
        tokenizer="results/{study}/tokenizer",
    output:
        directory("results/{study}/tokens/{name}/{part}"),
    log:
        "logs/{study}/tokenize_part/{name}/{part}.log",
    conda:
        "../../envs/corpus.yaml"
    threads: lambda wc: tokenizing_threads(STUDY, wc.name)
    resources:
        mem_mb=lambda wc, attempt: attempt * tokenizing_mb(STUDY, wc.name),
        runtime=lambda wc, attempt: attempt * tokenizing_minutes(STUDY, wc.name),
    params:
        version=VERSIONS["tokenize"],
    shell:
        "python -m mixwright tokenize-part"
        " --domain {wildcards.name:q} --documents {input.documents:q}"
        " --earlier {input.earlier:q} --tokenizer {input.tokenizer:q} --threads {threads}"
        " --to {output:q} 2>&1 | tee {log:q}"


# Tokens stay where they are: the shard lists its parts.
rule join_parts:
    input:
        tokens=lambda wc: tokens_of(wc.name),
    output:
        directory("results/{study}/shards/{name}"),
    log:
        "logs/{study}/join_parts/{name}.log",
    localrule: True
    conda:
        "../../envs/corpus.yaml"
    params:
        spec=spec("proxy.shape.context", "final.shape.context"),
        version=VERSIONS["tokenize"],
    shell:
        "python -m mixwright join-parts --study results/{wildcards.study}/study.json"
        " --domain {wildcards.name:q} --tokens {input.tokens:q}"
        " --to {output:q} 2>&1 | tee {log:q}"


rule tokenize_target:
    input:
        documents="results/{study}/questions/{name}.parquet",
        tokenizer="results/{study}/tokenizer",
    output:
        "results/{study}/targets/{name}.npz",
    log:
        "logs/{study}/tokenize_target/{name}.log",
    conda:
        "../../envs/corpus.yaml"
    params:
        version=VERSIONS["questions"],
    shell:
        "python -m mixwright tokenize-target"
        " --target {wildcards.name:q} --documents {input.documents:q}"
        " --tokenizer {input.tokenizer:q} --to {output:q} 2>&1 | tee {log:q}"
