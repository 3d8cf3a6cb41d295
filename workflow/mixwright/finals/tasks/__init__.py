"""Final models on tasks of lm-evaluation-harness, by its Python interface.

The harness (EleutherAI/lm-evaluation-harness 0.4.13) takes seconds to import, and is imported by
the job that scores alone.
"""
