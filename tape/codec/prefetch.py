"""Asks the processor for memory ahead of its use, which thousands of symbols' states need."""

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic


def _prefetch(typing_context: Any, array: Any, row: Any, column: Any) -> Any:
    """Ask for the cache line of `array[row, column]`, to be written; does nothing else.

    See `llvm.prefetch` in LLVM's language reference.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer: Any = cgutils.voidptr_t
        word = ir.IntType(32)
        kind = signature.args[0]
        own = context.make_array(kind)(context, builder, arguments[0])
        item_pointer: Any = cgutils.get_item_pointer
        at = item_pointer(context, builder, kind, own, arguments[1:], wraparound=False)
        function = builder.module.declare_intrinsic(
            "llvm.prefetch", [pointer], ir.FunctionType(ir.VoidType(), [pointer, word, word, word])
        )
        writing, near, data = word(1), word(3), word(1)
        builder.call(function, [builder.bitcast(at, pointer), writing, near, data])
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp), generate


prefetch: Any = intrinsic(_prefetch)
