"""A CUDA device that is not there: tensors know their device, size and type, and hold no number.

torch has such tensors (torch._subclasses.FakeTensorMode), but in its CPU build they lack what a
device registers when torch is loaded. `pretend` fills that in for the rest of the process, so call
it only in a process of its own.

What runs under a `Watch` must be fit to be recorded as a CUDA graph, as far as that shows without
a device: reading a number, or a size that depends on numbers, raises torch's error; a tensor on
the host, a copy from there and a kernel that CUDA does not have raise `GraphError`.
"""

import ctypes
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

aten = torch.ops.aten
# places of device types in torch's list of what guards a device
CUDA, DEVICES = 1, 22
# at least as many as a guard has
METHODS = 64
GUARDS = "_ZN3c104impl26device_guard_impl_registryE"


_zero = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(lambda _: 0)
# tensors that functions remember belong to one mode
_mode = FakeTensorMode()


class GraphError(Exception):
    """What a CUDA graph could not record, or CUDA could not compute."""


def pretend() -> None:
    """Makes torch take tensors of CUDA in this process; it computes nothing with them."""
    # torch's engine would ask the device for streams.
    torch.Tensor.backward = _backward
    torch.cuda.amp.common.amp_definitely_not_available = lambda: False
    torch.cuda.is_bf16_supported = lambda *_: True
    if torch.version.cuda is None:
        torch.version.cuda = "0.0"
        _guard_cuda()


def _guard_cuda() -> None:
    """Has torch put its guard of a CUDA build without devices where this build has none.

    torch does so where a guard counts no devices: here is one, all of whose methods return 0.
    """
    library = ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / "libc10.so"))
    guards = (ctypes.c_void_p * DEVICES).in_dll(library, GUARDS)
    methods = (ctypes.c_void_p * METHODS)(*[ctypes.cast(_zero, ctypes.c_void_p).value] * METHODS)
    guard = ctypes.c_void_p(ctypes.addressof(methods))
    guards[CUDA] = ctypes.addressof(guard)
    torch._C._ensureCUDADeviceGuardSet()
    if guards[CUDA] == ctypes.addressof(guard):
        guards[CUDA] = None
        raise RuntimeError("torch keeps its guards of devices elsewhere")


@torch.no_grad()
def _backward(tensor: Tensor) -> None:
    """Adds to the gradients of leaves, as torch's engine does on one stream."""
    start = tensor.grad_fn
    gradients: dict[Any, dict[int, Tensor]] = {start: {0: torch.ones_like(tensor)}}
    for node in _ordered(start):
        arrived = gradients.pop(node)
        if hasattr(node, "variable"):
            _accumulate(node.variable, arrived[0])
            continue
        # None of an output that nothing read
        outputs = [arrived.get(number) for number in range(len(node._input_metadata))]
        slopes = _slopes(node, outputs)
        for (after, number), slope in zip(node.next_functions, slopes, strict=True):
            if after is None:
                continue
            slope = _laid_out(slope, after._input_metadata[number])
            sums = gradients.setdefault(after, {})
            sums[number] = sums[number] + slope if number in sums else slope


def _slopes(node: Any, outputs: list[Tensor | None]) -> tuple[Tensor | None, ...]:
    """Returns the gradients of what a function read, from those of what it returned."""
    written_in_python = hasattr(node, "apply")
    slopes = node.apply(*outputs) if written_in_python else node(*outputs)
    if not isinstance(slopes, tuple):
        slopes = (slopes,)
    # A function of ours answers for numbers too, which are no tensors: with None.
    if len(slopes) > len(node.next_functions):
        slopes = tuple(slope for slope in slopes if slope is not None)
    return slopes


def _ordered(start: Any) -> list[Any]:
    """Returns the functions behind one, each before those that it hands gradients to."""
    ordered: list[Any] = []
    passed = set()

    def visit(node: Any) -> None:
        if node in passed:
            return
        passed.add(node)
        for after, _ in node.next_functions:
            if after is not None:
                visit(after)
        ordered.append(node)

    visit(start)
    return ordered[::-1]


def _laid_out(slope: Tensor, like: Any) -> Tensor:
    """Returns a gradient in the precision of what it is the gradient of."""
    if tuple(slope.shape) != tuple(like.shape):
        raise GraphError(f"a gradient {tuple(slope.shape)} of a tensor {tuple(like.shape)}")
    return slope.to(like.dtype)


def _accumulate(leaf: Tensor, slope: Tensor) -> None:
    if leaf.grad is not None:
        leaf.grad.add_(slope)
        return
    if slope.stride() != leaf.stride():
        slope = torch.empty_like(leaf).copy_(slope)
    leaf.grad = slope


class Watch(TorchDispatchMode):
    """Looks at each kernel before it is computed.

    Attributes:
        kernels: Names of the kernels, in order.
    """

    def __init__(self) -> None:
        super().__init__()
        self.kernels: list[str] = []

    def __torch_dispatch__(self, kernel, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = str(kernel)
        # others ask for a device, for example
        if kernel.namespace == "aten":
            self.kernels.append(name)
        for tensor in _tensors((args, kwargs)):
            if tensor.device.type != "cuda":
                raise GraphError(f"{name} reads a tensor {tuple(tensor.shape)} on the host")
        if kernel is aten.baddbmm.dtype_out:
            return _added(*args, **kwargs)
        if kernel is aten._fused_adamw_.tensor_lr:
            return _adamw(*args, **kwargs)
        result = kernel(*args, **kwargs)
        for tensor in _tensors(result):
            if tensor.device.type != "cuda":
                raise GraphError(f"{name} makes a tensor {tuple(tensor.shape)} on the host")
        return result


def _tensors(values: Any) -> list[Tensor]:
    return [value for value in tree_leaves(values) if isinstance(value, Tensor)]


def _added(total, a, b, out_dtype, *, beta=1, alpha=1, out) -> Tensor:
    """What baddbmm does; torch 2.13 cannot say it of tensors without numbers."""
    product = torch.bmm(a, b, out_dtype=out_dtype)
    if out is not total or product.shape != out.shape or product.dtype != out.dtype:
        raise GraphError(f"baddbmm adds {product.shape} to {total.shape}, in {out.shape}")
    return out


def _adamw(parameters, *lists, lr, grad_scale=None, found_inf=None, **options) -> None:
    """What the fused kernel checks; torch has none for tensors without numbers."""
    slopes, means, squares, _, steps = lists
    for tensors in zip(parameters, slopes, means, squares, strict=True):
        layouts = {(tensor.dtype, tensor.shape, tensor.stride()) for tensor in tensors}
        if len(layouts) > 1:
            raise GraphError(f"the fused AdamW takes tensors of one layout, not {layouts}")
    for number in (lr, *steps):
        if number.dtype != torch.float32 or number.numel() != 1:
            raise GraphError(f"the fused AdamW takes numbers, not {number.dtype} {number.shape}")


def absent() -> FakeTensorMode:
    """Returns a mode in which tensors hold no numbers: always the same one."""
    return _mode
