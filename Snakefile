# mixwright: in what proportions should I mix my data sources?
#
# corpora -> token shards -> a design of mixtures -> hundreds of tiny trainings -> losses -> mixers -> proposals
#         -> final models on every proposal and baseline -> scores -> figures and one report
#
# Run        snakemake --cores 2                                           the demo study, config/config.yaml
#            snakemake --cores 2 --configfile config/studies/minipile.yaml   another study
#            ... --configfile config/studies/regmix_pile.yaml                runs that others measured, nothing trained
# Look       snakemake -n                                                  every job, before a token is read
# Report     snakemake --report results/demo/report.html
#
# Files      results/{study}/public/{file}                what others published, fetched and checked
#            results/{study}/documents/{name}.parquet    cleaned text of a domain or target
#            results/{study}/shards/{domain}/            tokens, memory-mapped, with a manifest
#            results/{study}/datasets/{domain}/          rows of a table with their labels, where trees are the learner
#            results/{study}/design/{role}.parquet       every run's weights
#            results/{study}/packs/{pack}.parquet        what the runs of one training job measured
#            results/{study}/losses/{role}.parquet       the same, one long table a role
#            results/{study}/fits/{mixer}/               what a mixer learned
#            results/{study}/mixtures/{arm}.json         what it proposes; an arm is a mixer, or mixer@goal where goals are several
#            results/{study}/finals/{pack}.parquet       final models, trained
#            results/{study}/scores/{pack}.parquet       and measured
#            results/{study}/report/                     figures, tables, summary
#            results/{study}/progress/{pack}.json        what a training job says of itself while it runs; read by mixwright status
#            results/store/                              every computed run under its content's hash, shared by studies
import gc
import os
import sys
from pathlib import Path

from snakemake.utils import min_version

min_version("9.19")
gc.set_threshold(
    100_000, 50, 100
)  # a DAG of ten thousand jobs is no garbage: looking for some took a seventh of a dry run

# The library works uninstalled, from any folder, and with the interpreter that runs Snakemake.
HOUSE = Path(workflow.current_basedir)
sys.path.insert(0, str(HOUSE / "workflow"))
for variable, folder in {
    "PYTHONPATH": sys.path[0],
    "PATH": os.path.dirname(sys.executable),
}.items():
    os.environ[variable] = os.pathsep.join([folder, *filter(None, [os.environ.get(variable)])])
os.environ.setdefault(
    "OMP_WAIT_POLICY", "PASSIVE"
)  # threads that wait for work leave the core to other jobs

if "study" not in config:

    configfile: str(HOUSE / "config" / "config.yaml")


wildcard_constraints:
    study=r"[A-Za-z0-9][\w.-]*",
    name=r"[A-Za-z0-9][\w.-]*",
    file=r"[^/]+",
    pack=r"[0-9a-f]{16}",
    mixer=r"[a-z0-9-]+",
    arm=r"[a-z0-9-]+(?:@[A-Za-z0-9][\w.-]*)?",


include: "workflow/rules/common.smk"
include: "workflow/rules/public.smk"
include: "workflow/rules/mixers.smk"


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
    localrule: True


# What the jobs read their settings from; no rule's input, or it would hide from Snakemake what changed behind it.
onstart:
    STUDY.write(f"results/{NAME}/study.json")
