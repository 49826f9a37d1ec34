"""What each dotted name in a pickle is allowed to mean.

Nothing is ever imported or called. The question here is what to tell the user: a class nobody knows
is harmless as an inert stub, a function nobody knows has no business being called, and a name that
runs code, opens files or reaches the network makes the whole file unfit to be loaded anywhere.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from enum import Enum

from recaudit.checkpoints.refusals import Unsafe, short


class Kind(Enum):
    REBUILT = "rebuilt"
    """Stands for code of our own."""
    CLASS = "class"
    """Instances become inert stubs."""
    INERT = "inert"
    """A harmless function of a known tool; a call is recorded, not made."""
    FUNCTION = "function"
    """May be mentioned (a module keeps its activation function), never called."""


@dataclass(frozen=True)
class Name:
    """A reference to something by dotted name, standing in for the thing itself."""

    dotted: str
    kind: Kind


PYTHON_2_MODULES = {"__builtin__": "builtins", "copy_reg": "copyreg", "exceptions": "builtins"}

_PYTHON_2_ONLY = {"commands", "popen2", "cPickle", "cStringIO", "urllib2", "UserDict", "new"}

_STANDARD_LIBRARY = (sys.stdlib_module_names | _PYTHON_2_ONLY) - {"__main__"}

_BENIGN_STANDARD_CLASSES = frozenset(
    ["argparse.Namespace", "array.array", "builtins.Ellipsis", "builtins.NotImplemented", "builtins.bool", "builtins.float", "builtins.object", "builtins.range", "builtins.str", "builtins.type", "collections.Counter", "collections.deque", "datetime.date", "datetime.datetime", "datetime.time", "datetime.timedelta", "datetime.timezone", "decimal.Decimal", "enum.Enum", "enum.EnumMeta", "enum.EnumType", "enum.Flag", "enum.IntEnum", "fractions.Fraction", "functools.partial", "io.BytesIO", "io.StringIO", "logging.Logger", "pathlib.Path", "pathlib.PosixPath", "pathlib.PurePath", "pathlib.PurePosixPath", "pathlib.PureWindowsPath", "pathlib.WindowsPath", "pathlib._local.PosixPath", "pathlib._local.WindowsPath", "random.Random", "types.GenericAlias", "types.SimpleNamespace", "types.UnionType", "typing.Any", "typing.Callable", "typing.Dict", "typing.Generic", "typing.List", "typing.Literal", "typing.Mapping", "typing.Optional", "typing.Sequence", "typing.Set", "typing.Tuple", "typing.Type", "typing.Union", "uuid.UUID"]
)

_BENIGN_FUNCTIONS = frozenset(
    ["_operator.getitem", "operator.itemgetter", "_operator.itemgetter", "array._array_reconstructor", "logging.getLogger", "re._compile", "zoneinfo.ZoneInfo._unpickle", "numpy.random._pickle.__bit_generator_ctor", "numpy.random._pickle.__generator_ctor", "numpy.random._pickle.__randomstate_ctor", "pandas._libs.arrays.__pyx_unpickle_NDArrayBacked", "pandas._libs.internals._unpickle_block", "pandas.core.indexes.base._new_Index", "pandas.core.indexes.datetimes._new_DatetimeIndex", "pandas._libs.tslibs.offsets._unpickle", "pandas._libs.tslibs.timestamps._unpickle_timestamp", "pandas._libs.tslibs.timedeltas._timedelta_unpickle", "pyarrow.lib._restore_array", "pyarrow.lib.type_for_alias", "pyarrow.lib.py_buffer", "pyarrow.lib._reconstruct_table", "pyarrow.lib.chunked_array", "pyarrow.lib.schema", "pyarrow.lib.field", "pyarrow.lib._reconstruct_record_batch", "pyarrow.lib.list_", "pyarrow.lib.large_list", "pyarrow.lib.struct", "pyarrow.lib.timestamp", "pyarrow.lib.dictionary", "torch._tensor._rebuild_from_type_v2", "torch._utils._rebuild_device_tensor_from_numpy", "torch._utils._rebuild_meta_tensor_no_storage", "torch._utils._rebuild_nested_tensor", "torch._utils._rebuild_qtensor", "torch._utils._rebuild_sparse_csr_tensor", "torch._utils._rebuild_sparse_tensor", "torch._utils._rebuild_wrapper_subclass", "torch.serialization._get_layout", "torch.storage._new_dtype_to_storage"]
)

_MENTIONED_ONLY = frozenset({"builtins.hash"})

# NumPy pickles few of its own classes, so they are listed; its other names include file readers.
_NUMPY_CLASSES = frozenset(
    ["numpy.bool", "numpy.bool_", "numpy.float16", "numpy.float32", "numpy.float64", "numpy.int8", "numpy.int16", "numpy.int32", "numpy.int64", "numpy.uint8", "numpy.uint16", "numpy.uint32", "numpy.uint64", "numpy.complex64", "numpy.complex128", "numpy.str_", "numpy.bytes_", "numpy.object_", "numpy.datetime64", "numpy.timedelta64", "numpy.ma.MaskedArray", "numpy.ma.core.MaskedArray", "numpy.matrix", "numpy.recarray", "numpy.generic", "numpy.matrixlib.defmatrix.matrix", "numpy.number", "numpy.integer", "numpy.floating", "numpy.random.mtrand.RandomState", "numpy.random._generator.Generator", "numpy.random._mt19937.MT19937", "numpy.random._pcg64.PCG64", "numpy.random._pcg64.PCG64DXSM", "numpy.random._philox.Philox", "numpy.random._sfc64.SFC64", "numpy.random.bit_generator.SeedSequence"]
)

_LOWER_CASE_CLASSES = frozenset(
    f"scipy.sparse.{module}{form}_{kind}"
    for form in ("bsr", "coo", "csc", "csr", "dia", "dok", "lil")
    for kind in ("array", "matrix")
    for module in ("", f"{form}.", f"_{form}.")
)

_WHOLLY_REFUSED = frozenset(
    ["IPython", "_distutils_hack", "_pytest", "cffi", "cloudpickle", "debugpy", "dill", "distlib", "distutils", "fabric", "fsspec", "httpx", "invoke", "ipykernel", "jinja2", "jsonpickle", "jupyter_client", "mako", "nbconvert", "nose", "numba", "paramiko", "paste", "pexpect", "pip", "pkg_resources", "plumbum", "ptyprocess", "py", "pydoc_data", "pytest", "requests", "setuptools", "sh", "six", "smart_open", "tornado", "twisted", "urllib3", "virtualenv", "werkzeug", "wheel", "win32api", "win32com", "winpty"]
)

_REFUSED_BRANCHES = tuple(
    f"{branch}."
    for branch in ["keras.layers.core.lambda_layer", "keras.src.layers.core.lambda_layer", "joblib.externals", "pandas._testing", "pandas.compat", "pandas.core.computation", "pandas.io", "pandas.testing", "pandas.util", "sklearn.datasets", "sklearn.externals", "sklearn.utils._testing", "scipy.io", "scipy._lib", "scipy.weave", "torch._appdirs", "torch._dynamo", "torch._inductor", "torch._sources", "torch._vendor", "torch.classes", "torch.compiler", "torch.distributed", "torch.fx", "torch.hub", "torch.jit", "torch.multiprocessing", "torch.onnx", "torch.ops", "torch.package", "torch.serialization", "torch.testing", "torch.utils._appdirs", "torch.utils.backend_registration", "torch.utils.benchmark", "torch.utils.bottleneck", "torch.utils.collect_env", "torch.utils.cpp_extension", "torch.utils.file_baton", "torch.utils.model_zoo", "torch.utils.show_pickle"]
)

_ONLY_LISTED = {"numpy", "joblib", "pyarrow"}

_BENIGN_LISTED_CLASSES = frozenset(
    ["joblib.numpy_pickle.NumpyArrayWrapper", "pyarrow.lib.Buffer", "pyarrow.lib.DataType", "pyarrow.lib.StringArray", "pyarrow.lib.LargeStringArray", "pyarrow.lib.KeyValueMetadata"]
)

_CODE_RUNNERS = frozenset(
    ["builtins", "code", "codeop", "commands", "ctypes", "importlib", "marshal", "multiprocessing", "nt", "ntpath", "os", "pickle", "popen2", "posix", "posixpath", "pty", "runpy", "shutil", "socket", "subprocess", "sys", "webbrowser"]
)


def resolve(module: str, qualified: str, rebuilt: frozenset[str], where: str) -> Name:
    """What ``module.qualified`` stands for.

    Args:
        rebuilt: dotted names that have code of our own.
        where: place in the file, for the refusal.
    """
    module = PYTHON_2_MODULES.get(module, module)
    dotted = f"{module}.{qualified}"
    if dotted in rebuilt:
        return Name(dotted, Kind.REBUILT)
    if dotted in _BENIGN_FUNCTIONS:
        return Name(dotted, Kind.INERT)
    if dotted in _MENTIONED_ONLY:
        return Name(dotted, Kind.FUNCTION)
    if dotted in (_BENIGN_STANDARD_CLASSES | _NUMPY_CLASSES | _LOWER_CASE_CLASSES | _BENIGN_LISTED_CLASSES):
        return Name(dotted, Kind.CLASS)
    reason = _reason_to_refuse(module, qualified, dotted)
    if reason:
        raise Unsafe(f"the pickle names {short(dotted)} {where}: {reason}")
    return Name(dotted, Kind.CLASS if _looks_like_class(qualified) else Kind.FUNCTION)


def _reason_to_refuse(module: str, qualified: str, dotted: str) -> str:
    top = module.partition(".")[0]
    if top in _STANDARD_LIBRARY:
        return "no saved model needs that part of Python"
    if top in _WHOLLY_REFUSED or dotted.startswith(_REFUSED_BRANCHES):
        return "it can run code or open files when the model is loaded"
    if top in _ONLY_LISTED:
        return f"it is none of the {top} names that arrays are saved with"
    # Loaders import the module and then follow the dots, so a package's own imports
    # ("torch" + "os.system") are within reach of a qualified name.
    outer = qualified.split(".")[:-1]
    if any(not _looks_like_class(part) for part in outer):
        return "it reaches through a module into another"
    if _CODE_RUNNERS & {*module.split(".")[1:], *qualified.split(".")}:
        return "it reaches a module that runs code"
    if not all(part.isidentifier() for part in dotted.split(".")) and "<" not in qualified:
        return "it is no name at all"
    return ""


def _looks_like_class(qualified: str) -> bool:
    """Whether the last part is written the way classes are, ``CamelCase``."""
    last = qualified.rpartition(".")[2].lstrip("_")
    return last[:1].isupper()
