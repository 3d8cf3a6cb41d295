# REQUIRES  the study's sources: local files, or the text that every installation has
# PRODUCES  results/{study}/shards/{name}/, targets/{name}.npz, tokenizer/
# harvest is what a rule made ready for the source, nothing for most kinds of source.


rule harvest_installed:
    output:
        directory("results/{study}/installed"),
    log:
        "logs/{study}/harvest_installed.log",
    conda:
        "../../envs/corpus.yaml"
    params:
        spec=spec("corpus.max_bytes", "corpus.max_document_bytes"),
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
        spec=lambda wc: text_spec(
            "targets", wc.name, "corpus.target_bytes", "corpus.max_document_bytes"
        ),
        version=VERSIONS["clean"],
    shell:
        "python -m mixwright read-target --study results/{wildcards.study}/study.json"
        " --target {wildcards.name:q} --harvest {input.harvest:q}"
        " --to {output:q} 2>&1 | tee {log:q}"


rule clean_domain:
    input:
        harvest=lambda wc: SOURCES[wc.name].prepared(),
        files=lambda wc: inputs_of(wc.name),
        questions=documents_of(STUDY.targets, "questions"),
    output:
        "results/{study}/documents/{name}.parquet",
    log:
        "logs/{study}/clean_domain/{name}.log",
    conda:
        "../../envs/corpus.yaml"
    params:
        spec=lambda wc: text_spec("domains", wc.name, "corpus"),
        version=VERSIONS["clean"],
    shell:
        "python -m mixwright clean-domain --study results/{wildcards.study}/study.json"
        " --domain {wildcards.name:q} --harvest {input.harvest:q}"
        " --questions {input.questions:q} --to {output:q} 2>&1 | tee {log:q}"


rule train_tokenizer:
    input:
        documents=documents_of(STUDY.domains, "documents"),
    output:
        directory("results/{study}/tokenizer"),
    log:
        "logs/{study}/train_tokenizer.log",
    conda:
        "../../envs/corpus.yaml"
    params:
        spec=digest([CONFIG["tokenizer"], *["mask"] * STUDY.learner.masked]),
        version=VERSIONS["tokenizer"],
    shell:
        "python -m mixwright train-tokenizer --study results/{wildcards.study}/study.json"
        " --documents {input.documents:q} --to {output:q} 2>&1 | tee {log:q}"


rule tokenize_domain:
    input:
        documents="results/{study}/documents/{name}.parquet",
        tokenizer="results/{study}/tokenizer",
    output:
        directory("results/{study}/shards/{name}"),
    log:
        "logs/{study}/tokenize_domain/{name}.log",
    conda:
        "../../envs/corpus.yaml"
    params:
        spec=spec("proxy.shape.context", "final.shape.context"),
        version=VERSIONS["tokenize"],
    shell:
        "python -m mixwright tokenize-domain --study results/{wildcards.study}/study.json"
        " --domain {wildcards.name:q} --documents {input.documents:q}"
        " --tokenizer {input.tokenizer:q} --to {output:q} 2>&1 | tee {log:q}"


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
        version=VERSIONS["tokenize"],
    shell:
        "python -m mixwright tokenize-target"
        " --target {wildcards.name:q} --documents {input.documents:q}"
        " --tokenizer {input.tokenizer:q} --to {output:q} 2>&1 | tee {log:q}"
