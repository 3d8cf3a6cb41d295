"""The names by which folders, files and columns are known."""


def words(text: str) -> tuple[str, ...]:
    """Returns the words of a text, in their order."""
    return tuple(text.split())


# Folders and files of what models are measured on.
HELD_OUT = words(
    "targets target eval evals evaluation test tests val valid validation dev benchmark benchmarks"
    " heldout held-out held_out holdout"
)
# Names that say nothing of what a folder or file holds.
GENERIC = words(
    "train training data dataset datasets text texts files shards raw documents part parts"
)
# Files beside a corpus that are no part of it: by the start of the name, and json by all of it.
PAPERS = words("readme license licence notice citation changelog")
LISTS = words(
    "dataset_info dataset_infos dataset_dict state index metadata stats config manifest tokenizer"
    " tokenizer_config special_tokens_map added_tokens vocab generation_config"
)

# Columns of text, the most likely first.
TEXTS = words(
    "text content raw_content contents body document markdown article page_content story passage"
    " code abstract completion output response"
)
# Columns that say which collection a row is from; the most likely first, and those that say
# nothing else.
COLLECTIONS = words("redpajama_set_name pile_set_name set_name subset_name")
SPLITTING = COLLECTIONS + words(
    "subset source domain source_name data_source dataset corpus collection category lang language"
)

# Columns of questions, of their choices, and of the right one.
QUERIES = words(
    "question query question_stem question.stem ctx goal premise problem prompt input sentence"
    " inputs instruction"
)
CHOICES = words(
    "choices endings options answers candidates question.choices mc1_targets.choices"
    " multiple_choice_targets answer_choices"
)
# Answers in columns of their own.
SEVERAL = (
    words("sol1 sol2"),
    words("option1 option2"),
    words("choice1 choice2"),
    words("distractor1 distractor2 distractor3 correct_answer"),
    words("A B C D"),
)
GOLDS = words(
    "answerKey answer label gold correct correct_answer mc1_targets.labels answer_idx answer_index"
    " correct_index correct_option gold_index cop target solution response output"
)
