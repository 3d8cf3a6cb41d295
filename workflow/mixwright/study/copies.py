"""Of which finals copies on the way are scored."""

from mixwright.study.study import Study


def snapshot_packs(study: Study) -> tuple[str, ...]:
    """Returns the packs of finals of which copies on the way are scored; trees have none."""
    if study.ends_at_proposals or not study.learner.sized or not study.final.get("snapshots"):
        return ()
    return tuple(study.final_packs)
