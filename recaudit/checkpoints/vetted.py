"""Dotted names that were looked at by a person: benign, refused, or benign only when listed.

The benign ones occur in real checkpoints of the tools recaudit knows. Exact names only: a whole
package is never benign, since every large one has a function that runs code or opens files.
"""

from __future__ import annotations

import sys


def names(text: str) -> frozenset[str]:
    """The words of ``text``."""
    return frozenset(text.split())


PYTHON_2_MODULES = {"__builtin__": "builtins", "copy_reg": "copyreg", "exceptions": "builtins"}

PYTHON_2_ONLY = {"commands", "popen2", "cPickle", "cStringIO", "urllib2", "UserDict", "new"}

STANDARD_LIBRARY = (sys.stdlib_module_names | PYTHON_2_ONLY) - {"__main__"}

BENIGN_STANDARD_CLASSES = names(
    """
    argparse.Namespace array.array builtins.Ellipsis builtins.NotImplemented builtins.bool
    builtins.float builtins.object builtins.range builtins.str builtins.type collections.Counter
    collections.deque datetime.date datetime.datetime datetime.time datetime.timedelta
    datetime.timezone decimal.Decimal enum.Enum enum.EnumMeta enum.EnumType enum.Flag
    enum.IntEnum fractions.Fraction functools.partial _io.BytesIO _io.StringIO logging.Logger
    pathlib.Path pathlib.PosixPath pathlib.PurePath pathlib.PurePosixPath
    pathlib.PureWindowsPath pathlib.WindowsPath pathlib._local.PosixPath
    pathlib._local.WindowsPath random.Random types.GenericAlias types.SimpleNamespace
    types.UnionType typing.Any typing.Callable typing.Dict typing.Generic typing.List
    typing.Literal typing.Mapping typing.Optional typing.Sequence typing.Set typing.Tuple
    typing.Type typing.Union uuid.UUID
    """
)

BENIGN_FUNCTIONS = names(
    """
    _operator.getitem operator.itemgetter _operator.itemgetter array._array_reconstructor
    logging.getLogger re._compile zoneinfo.ZoneInfo._unpickle
    numpy.random._pickle.__bit_generator_ctor numpy.random._pickle.__generator_ctor
    numpy.random._pickle.__randomstate_ctor numpy.random.bit_generator.__pyx_unpickle_SeedSequence
    pandas._libs.arrays.__pyx_unpickle_NDArrayBacked
    pandas._libs.internals._unpickle_block pandas.core.indexes.base._new_Index
    pandas.core.indexes.datetimes._new_DatetimeIndex pandas._libs.tslibs.offsets._unpickle
    pandas._libs.tslibs.timestamps._unpickle_timestamp
    pandas._libs.tslibs.timedeltas._timedelta_unpickle pyarrow.lib._restore_array
    pyarrow.lib.type_for_alias pyarrow.lib.py_buffer pyarrow.lib._reconstruct_table
    pyarrow.lib.chunked_array pyarrow.lib.schema pyarrow.lib.field
    pyarrow.lib._reconstruct_record_batch pyarrow.lib.list_ pyarrow.lib.large_list
    sklearn.metrics._dist_metrics.newObj sklearn.neighbors._ball_tree.newObj
    sklearn.neighbors._kd_tree.newObj pyarrow.lib.struct pyarrow.lib.timestamp pyarrow.lib.dictionary
    torch._utils._rebuild_device_tensor_from_numpy
    torch._utils._rebuild_meta_tensor_no_storage torch._utils._rebuild_nested_tensor
    torch._utils._rebuild_qtensor torch._utils._rebuild_sparse_csr_tensor
    torch._utils._rebuild_sparse_tensor torch._utils._rebuild_wrapper_subclass
    torch.serialization._get_layout torch.storage._new_dtype_to_storage
    """
)

MENTIONED_ONLY = frozenset({"builtins.hash"})

# NumPy pickles few of its own classes, so they are listed; its other names include file readers.
NUMPY_CLASSES = names(
    """
    numpy.bool numpy.bool_ numpy.float16 numpy.float32 numpy.float64 numpy.int8 numpy.int16
    numpy.int32 numpy.int64 numpy.uint8 numpy.uint16 numpy.uint32 numpy.uint64 numpy.complex64
    numpy.complex128 numpy.str_ numpy.bytes_ numpy.object_ numpy.datetime64 numpy.timedelta64
    numpy.ma.MaskedArray numpy.ma.core.MaskedArray numpy.matrix numpy.recarray numpy.generic
    numpy.matrixlib.defmatrix.matrix numpy.number numpy.integer numpy.floating
    numpy.random.mtrand.RandomState numpy.random._generator.Generator
    numpy.random._mt19937.MT19937 numpy.random._pcg64.PCG64 numpy.random._pcg64.PCG64DXSM
    numpy.random._philox.Philox numpy.random._sfc64.SFC64
    numpy.random.bit_generator.SeedSequence
    """
)

LOWER_CASE_CLASSES = frozenset(
    f"scipy.sparse.{module}{form}_{kind}"
    for form in ("bsr", "coo", "csc", "csr", "dia", "dok", "lil")
    for kind in ("array", "matrix")
    for module in ("", f"{form}.", f"_{form}.")
)

WHOLLY_REFUSED = names(
    """
    IPython _distutils_hack _pytest cffi cloudpickle debugpy dill distlib distutils fabric
    fsspec httpx invoke ipykernel jinja2 jsonpickle jupyter_client mako nbconvert nose numba
    paramiko paste pexpect pip pkg_resources plumbum ptyprocess py pydoc_data pytest requests
    setuptools sh six smart_open tornado twisted urllib3 virtualenv werkzeug wheel win32api
    win32com winpty
    """
)

REFUSED_BRANCHES = tuple(
    f"{branch}."
    for branch in names(
        """
    keras.layers.core.lambda_layer keras.src.layers.core.lambda_layer joblib.externals
    pandas._testing pandas.compat pandas.core.computation pandas.io pandas.testing pandas.util
    sklearn.datasets sklearn.externals sklearn.utils._testing scipy.io scipy._lib scipy.weave
    torch._appdirs torch._dynamo torch._inductor torch._sources torch._vendor torch.classes
    torch.compiler torch.distributed torch.fx torch.hub torch.jit torch.multiprocessing
    torch.onnx torch.ops torch.package torch.serialization torch.testing torch.utils._appdirs
    torch.utils.backend_registration torch.utils.benchmark torch.utils.bottleneck
    torch.utils.collect_env torch.utils.cpp_extension torch.utils.file_baton
    torch.utils.model_zoo torch.utils.show_pickle
        """
    )
)

ONLY_LISTED = {"numpy", "joblib", "pyarrow"}

BENIGN_LISTED_CLASSES = names(
    """
    joblib.numpy_pickle.NumpyArrayWrapper pyarrow.lib.Buffer pyarrow.lib.DataType
    pyarrow.lib.StringArray pyarrow.lib.LargeStringArray pyarrow.lib.KeyValueMetadata
    """
)

CODE_RUNNERS = names(
    """
    builtins code codeop commands ctypes importlib marshal multiprocessing nt ntpath os pickle
    popen2 posix posixpath pty runpy shutil socket subprocess sys webbrowser
    """
)
