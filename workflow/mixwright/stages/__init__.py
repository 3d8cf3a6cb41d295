"""The stages of the workflow, one function a rule: read files, call the library, write files. A subcommand is one of these functions.

Each module stands for the rules file of its name; nothing heavy is imported before a stage runs.
"""

from collections.abc import Callable

from mixwright.stages import corpus, final, mixers, proxies, report, trust

COMMANDS: dict[str, Callable[..., None]] = {
    function.__name__.rstrip("_").replace("_", "-"): function
    for function in (
        corpus.harvest_installed,
        corpus.read_target,
        corpus.clean_domain,
        corpus.train_tokenizer,
        corpus.tokenize_domain,
        corpus.tokenize_target,
        corpus.count_domains,
        proxies.design,
        proxies.resolve_design,
        proxies.train_proxies,
        proxies.collect_losses,
        proxies.collect_loglikelihoods,
        mixers.fit,
        mixers.predict,
        mixers.validate,
        mixers.propose,
        mixers.pareto,
        mixers.compare,
        trust.bootstrap,
        trust.learning_curve,
        final.train_finals,
        final.evaluate_finals,
        report.draw,
        report.summarise,
        report.show,
        report.link_profiles,
    )
}
