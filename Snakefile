# mixwright: in what proportions should I mix my data sources?
#
# corpora -> token shards -> a design of mixtures -> hundreds of tiny trainings -> losses -> mixers
#         -> proposals -> final models on every proposal and baseline -> scores -> figures, report
#
# Run        snakemake --cores 2
#                the demo study, config/config.yaml
#            snakemake --cores 2 --configfile config/studies/minipile.yaml
#                another study
#            snakemake --cores 2 proposals
#                up to the proposals and a page of them; no final model is trained
#            snakemake --cores 2 figures
#                its figures and the numbers behind them, with what they need
#            snakemake --cores 2 --configfile config/studies/regmix_pile.yaml
#                runs that others measured; nothing is trained
#            snakemake --cores 1 prune
#                remove models from results/store that no study refers to any more
# Look       snakemake -n
#                every job, before a token is read
# Report     snakemake --report results/demo/report.html
#
# Files      results/{study}/study.json               the resolved config, which jobs read
#            results/{study}/public/{file}            public files, fetched and checked
#            results/{study}/documents/{name}/{part}.parquet  cleaned text of a part of a domain
#            results/{study}/questions/{name}.parquet text of a target
#            results/{study}/tokenizer/               the tokenizer
#            results/{study}/tokens/{name}/{part}/    its tokens, memory-mapped, with a manifest
#            results/{study}/shards/{domain}/         a domain: a manifest that lists its parts'
#                                                     tokens, and its validation examples
#            results/{study}/targets/{name}.npz       tokens of a target
#            results/{study}/datasets/{domain}/       rows of a table with labels, for trees
#            results/{study}/domains.parquet          tokens of every domain
#            results/{study}/texts.json               what proxies learn from, by hash
#            results/{study}/scored.json              what they are scored on, by hash
#            results/{study}/design/{role}.parquet    the weights of every run; a further round of
#                                                     the swarm is swarm-2, and so in losses/
#            results/{study}/packs/{pack}.parquet     what one training job left of its runs
#            results/{study}/measured/{batch}.parquet all that was measured of some packs' runs
#            results/{study}/losses/{role}.parquet    the same, one long table a role
#            results/{study}/merged.json              whether merged single-domain proxies order the
#                                                     swarm's mixtures as it does, where asked for
#            results/{study}/fits/{mixer}/            fitted mixers
#            results/{study}/validation/{mixer}.parquet  predictions of held-out runs
#            results/{study}/mixtures/{arm}.json      proposals; an arm is a mixer, or mixer@goal
#                                                     in a study with several goals
#            results/{study}/surfaces/{mixer}.json    fitted laws, each a file to hand on:
#                                                     docs/surface.md
#            results/{study}/learning_curve.json      how well fits to fewer runs rank the others
#            results/{study}/export/{arm}/{blend}     a proposal as a trainer's mixture file, with
#                                                     .account.csv and .notes.txt beside it
#            results/{study}/finals/{pack}.parquet    final models, trained
#            results/{study}/curves/{pack}.parquet    their losses along the training
#            results/{study}/scores/{pack}.parquet    and scored
#            results/{study}/snapshot_scores/{pack}.parquet  copies of them on the way, scored,
#                                                     where the study keeps some
#            results/{study}/task_scores/{pack}.parquet  on tasks too, where the study names some;
#                                                     task_answers/ question by question
#            results/{study}/report/{figure}.svg      figures, with .csv, .pdf and .png beside each
#            results/{study}/report/                  summary, proposals: pages and their numbers
#            results/{study}/progress/{pack}.json     progress of a running training job, which
#                                                     `mixwright status` reads
#            results/store/                           computed runs by the hash of their content,
#                                                     with their weights, shared by studies
import gc
import os
import sys
from pathlib import Path

from snakemake.utils import min_version

min_version("9.19")
# A DAG of ten thousand jobs holds no garbage. Looking for some took a seventh of a dry run.
gc.set_threshold(100_000, 50, 100)

# The library works uninstalled and from any folder. Jobs use the interpreter that runs Snakemake.
HOUSE = Path(workflow.current_basedir)
sys.path.insert(0, str(HOUSE / "workflow"))
for variable, folder in {
    "PYTHONPATH": sys.path[0],
    "PATH": os.path.dirname(sys.executable),
}.items():
    os.environ[variable] = os.pathsep.join([folder, *filter(None, [os.environ.get(variable)])])
# Threads that wait for work leave the core to other jobs.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# The demo, where neither a file nor `--config` names a study.
if "study" not in config and not workflow.configfiles:

    configfile: str(HOUSE / "config" / "config.yaml")


wildcard_constraints:
    study=r"[A-Za-z0-9][\w.-]*",
    name=r"[A-Za-z0-9][\w.-]*",
    part=r"\d+",
    file=r"[^/]+",
    pack=r"[0-9a-f]{16}",
    batch=r"[0-9a-f]{16}",
    role=r"[a-z]+(?:-\d+)?",
    round=r"\d+",
    blend=r"[a-z0-9-]+\.[a-z]+",
    mixer=r"[a-z0-9-]+",
    arm=r"[a-z0-9-]+(?:@[A-Za-z0-9][\w.-]*)?",


include: "workflow/rules/common.smk"
include: "workflow/rules/public.smk"
include: "workflow/rules/mixers.smk"
include: "workflow/rules/figures.smk"


if STUDY.measured:

    include: "workflow/rules/measured.smk"

else:

    include: f"workflow/rules/{STUDY.learner.rules}.smk"
    include: "workflow/rules/proxies.smk"
    include: "workflow/rules/final.smk"
    include: "workflow/rules/report.smk"


report: "workflow/report/workflow.rst"


rule all:
    default_target: True
    input:
        f"results/{NAME}/report/summary.html",
        SURFACES,
        LOST,
    localrule: True


# The same study without final models: `snakemake proposals`, or `finals: none` for good.
rule proposals:
    input:
        f"{proposals_page(STUDY, RESULTS_FOLDER)}.html",
        SURFACES,
        LOST,
    localrule: True


# All figures of the study: `snakemake figures`. One that is deleted is drawn again, alone.
rule figures:
    input:
        figure_files(STUDY, RESULTS_FOLDER, suffixes=DRAWN),
    localrule: True


# Removes from the store what no study refers to; `mixwright prune` shows it first.
rule prune:
    log:
        "logs/prune.log",
    localrule: True
    conda:
        "envs/analysis.yaml"
    shell:
        "python -m mixwright prune --store results/store --yes 2>&1 | tee {log:q}"


# Jobs read their settings from this file. It is no input of a rule: each rule's params say which
# part of the study its numbers depend on, so that a changed key reruns only what depends on it.
onstart:
    STUDY.write(f"results/{NAME}/study.json")
