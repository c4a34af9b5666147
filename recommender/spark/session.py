"""A Spark session for as long as a training needs it, or one sentence on why there can be none."""

# ruff: noqa: PLC0415 - pyspark is an extra: only who trains on Spark has it

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DEEP_STACK: Final = "-Xss16m"
"""Room for the plan of an ALS, which grows with every alternation: Java's 1 MB overflowed at 15 of them."""

LOGGING: Final = Path(__file__).with_name("log4j2.properties")

DEFAULT_CONF: Final[Mapping[str, str]] = MappingProxyType(
    {
        "spark.app.name": "kabin train",
        "spark.master": "local[*]",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.extraJavaOptions": f"{DEEP_STACK} -Dlog4j2.configurationFile={LOGGING.as_uri()}",
        "spark.executor.extraJavaOptions": DEEP_STACK,
        # Columns and factors are meant to arrive on the driver; 1 GB of them would be an error otherwise.
        "spark.driver.maxResultSize": "0",
    }
)
"""Spark properties that hold unless others are given."""

LOCAL_CONF: Final[Mapping[str, str]] = MappingProxyType(
    {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.memory": "4g",
        # Spark's 200 suit a cluster: here they are 200 small files for each task of a shuffle.
        "spark.sql.shuffle.partitions": "16",
    }
)
"""What besides holds where driver and executor are this one process: it listens to nobody else, and has the heap
that visitors × factors × 4 bytes take, twice while one half step follows another."""


class SparkError(Exception):
    """Spark did not do what it was asked for; the message says what happened and what to do about it."""


class SparkUnavailable(SparkError):  # noqa: N818 - a state of the machine
    """Spark cannot be used here: something is not installed."""


NO_JAVA: Final = (
    "Spark's Java process did not start; it may have said why above. It needs Java 17 or newer (Debian and Ubuntu: "
    "apt-get install openjdk-17-jre-headless), in the PATH or where JAVA_HOME points"
)


@contextmanager
def open_session(conf: Mapping[str, str] | None = None) -> Iterator["SparkSession"]:
    """Start Spark, and end it with its Java process when the block is left.

    Executors need no Python: everything that Kabin asks of them runs in Spark's own engine.

    Args:
        conf: Spark properties by name, such as ``{"spark.master": "spark://…", "spark.driver.memory": "8g"}``; they
            come before :data:`DEFAULT_CONF` and :data:`LOCAL_CONF`.

    Raises:
        SparkUnavailable: pyspark is not installed, or Java is missing or too old.
        SparkError: Spark refuses the properties.
    """
    try:
        spark = _start(session_conf(conf or {}))
    except BaseException:
        _end_java()
        raise
    from py4j.protocol import Py4JError

    try:
        yield spark
    finally:
        with suppress(Py4JError, ConnectionError):  # a Java process that died has nothing to stop
            spark.stop()
        _end_java()


def session_conf(conf: Mapping[str, str]) -> dict[str, str]:
    """Return all properties of a session: the given ones, and the defaults of those that are not given."""
    chosen = {**DEFAULT_CONF, **conf}
    return {**LOCAL_CONF, **chosen} if chosen["spark.master"].startswith("local") else chosen


@contextmanager
def errors_in_words(doing: str) -> Iterator[None]:
    """Raise what goes wrong in Spark as :class:`SparkError`, which says what was being done and the first line of why."""
    from py4j.protocol import Py4JError, Py4JJavaError, Py4JNetworkError
    from pyspark.errors import PySparkException

    try:
        yield
    except (Py4JNetworkError, ConnectionError, EOFError) as error:
        raise SparkError(
            f"Spark's Java process ended while {doing}, most likely for want of memory: give it more by "
            "spark.driver.memory, such as 8g"
        ) from error
    except Py4JJavaError as error:
        raise SparkError(f"Spark failed while {doing}: {first_line(str(error.java_exception))}") from error
    except (PySparkException, Py4JError) as error:
        raise SparkError(f"Spark failed while {doing}: {first_line(str(error))}") from error


def first_line(text: str) -> str:
    """Return the first line of what Spark says, of which the others are its stack trace."""
    return text.strip().partition("\n")[0]


def _start(conf: Mapping[str, str]) -> "SparkSession":
    try:
        from pyspark import SparkConf
        from pyspark.errors import PySparkRuntimeError
        from pyspark.sql import SparkSession
    except ImportError:
        raise SparkUnavailable('training on Spark needs pyspark: pip install "kabin[spark]"') from None
    properties = SparkConf(loadDefaults=False).setAll(list(conf.items()))
    try:
        with errors_in_words("starting"):
            return SparkSession.builder.config(conf=properties).getOrCreate()
    except SparkError as error:
        if isinstance(error.__cause__, PySparkRuntimeError):
            raise SparkUnavailable(NO_JAVA) from error.__cause__
        raise


def _end_java() -> None:
    """End the Java process, which pyspark would keep for the life of this one: a scheduler lives for months."""
    try:
        from pyspark import SparkContext
    except ImportError:
        return
    gateway = SparkContext._gateway  # noqa: SLF001 - pyspark has no public way to end it
    process = getattr(gateway, "proc", None)
    if gateway is None or process is None:  # spark-submit started both, and ends both
        return
    gateway.shutdown()
    process.stdin.close()
    process.wait()
    SparkContext._gateway = None  # noqa: SLF001 - the next session starts its own
    SparkContext._jvm = None  # noqa: SLF001 - as above
