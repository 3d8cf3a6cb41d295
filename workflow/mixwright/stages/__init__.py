"""The stages of the workflow, one function a rule: read files, call the library, write files. A subcommand is one of these functions.

Each module stands for the rules file of its name or a part of it; nothing heavy is imported before a stage runs.
"""

from collections.abc import Callable

from mixwright.stages import (
    corpus,
    designs,
    final,
    jobs,
    measured,
    mixers,
    proposals,
    proxies,
    public,
    report,
    tabular,
    trust,
)

COMMANDS: dict[str, Callable[..., None]] = {
    function.__name__.rstrip("_").replace("_", "-"): function
    for function in (
        public.fetch,
        corpus.harvest_installed,
        corpus.read_target,
        corpus.clean_domain,
        corpus.train_tokenizer,
        corpus.tokenize_domain,
        corpus.tokenize_target,
        corpus.count_domains,
        tabular.make_datasets,
        designs.design,
        designs.resolve_design,
        proxies.list_texts,
        proxies.calibrate,
        proxies.train_proxies,
        proxies.collect_losses,
        proxies.collect_loglikelihoods,
        mixers.fit,
        mixers.predict,
        trust.validate,
        trust.compare,
        proposals.propose,
        proposals.pareto,
        trust.learning_curve,
        trust.backtest,
        trust.transfer,
        final.train_finals,
        final.evaluate_finals,
        measured.import_runs,
        measured.weigh_domains,
        measured.climb,
        measured.predict_tests,
        measured.score_subsets,
        measured.find_region,
        measured.predict_mixtures,
        measured.summarise_measured,
        report.draw,
        report.summarise,
        report.show,
        jobs.status,
        jobs.link_profiles,
        jobs.doctor,
    )
}
