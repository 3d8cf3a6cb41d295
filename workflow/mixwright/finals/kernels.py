"""Which kernels a final is computed with: of its attention, and compiled ones."""

from torch import nn
from transformers import PreTrainedModel
from transformers.utils import is_flash_attn_2_available, is_flash_attn_3_available

from mixwright.errors import MixwrightError

# kernels of packages that may not be there
FLASH = {
    "flash_attention_3": is_flash_attn_3_available,
    "flash_attention_2": is_flash_attn_2_available,
}


def attention(wanted: str, device: str, precision: str) -> str:
    """Returns the kernel of the attention, as transformers calls it.

    Args:
        wanted: `final.attention` of a study.
        device: cpu or cuda.
        precision: float32 or bfloat16; flash attention has no float32.

    Raises:
        MixwrightError: a kernel is asked for that is not there.
    """
    with_flash = device == "cuda" and precision == "bfloat16"
    if wanted in FLASH:
        _check_flash(wanted, with_flash)
        return wanted
    if wanted != "auto":
        return wanted
    if device == "cpu" and precision == "bfloat16":
        # the fused attention is several times slower in bfloat16 on a CPU
        return "eager"
    if with_flash:
        for name, is_available in FLASH.items():
            if is_available():
                return name
    return "sdpa"


def _check_flash(wanted: str, with_flash: bool) -> None:
    reason = ""
    if not with_flash:
        reason = "it needs device cuda and precision bfloat16"
    elif not FLASH[wanted]():
        reason = "its package is not installed, or not for this GPU"
    if reason:
        raise MixwrightError(f"final.attention: {wanted}: {reason}; take auto or sdpa")


def set_attention(model: PreTrainedModel, kernel: str) -> None:
    """Sets the kernel of a model's attention.

    Raises:
        MixwrightError: the model has no such kernel.
    """
    try:
        model.set_attn_implementation(kernel)
    except (ValueError, ImportError) as error:
        reason = str(error).splitlines()[0]
        raise MixwrightError(f"final.attention: {kernel}: {reason}; take eager") from None


def compile_blocks(model: PreTrainedModel) -> None:
    """Compiles each block of a model in place, so that its weights keep their names.

    Blocks have the same code: one is compiled, and all run it.
    """
    names = set(model._no_split_modules or ())
    blocks: list[nn.Module] = []
    for module in model.modules():
        if type(module).__name__ in names:
            blocks.append(module)
    for block in blocks or [model.base_model]:
        block.compile()
