"""A small model for tests: trained on three synthetic days, by the code that a user calls."""

import atexit
import shutil
import tempfile
from datetime import date
from functools import lru_cache
from pathlib import Path

from tape.archives import find_archives
from tape.desk.evaluate.labels import read_labels
from tape.desk.train.features_file import About, FeaturesWriter
from tape.desk.train.labelling import Labelling
from tape.desk.train.tape_features import FeatureTape
from tape.desk.train.training import Trained, train
from tape.process.whole_file import OutputFile
from tape.process.whole_folder import write_folder
from tape.synthetic import inject, make_day, write_day
from tape.synthetic.files import labels_path

DAYS = (date(2025, 3, 3), date(2025, 3, 4), date(2025, 3, 5))


def injected_days(folder: Path, *, trades: int = 5_000, anomalies: int = 28) -> list[Path]:
    """Write three synthetic days with labelled anomalies, and return their paths."""
    return [
        write_day(
            inject(
                make_day(seed, trades=trades, day=day, anomalies=0), seed=seed, anomalies=anomalies
            ),
            folder,
        )
        for seed, day in enumerate(DAYS, start=1)
    ]


def write_features(paths: list[Path], output: Path) -> Path:
    """Write the features of days with their labels, and return the file."""
    lines = [line for path in paths for line in read_labels(labels_path(path))]
    labelling = Labelling(lines)
    run = FeatureTape(find_archives(paths).archives, labelling)
    about = About(
        files=tuple((path.name, "a hash") for path in paths),
        labels=tuple((labels_path(path).name, "a hash") for path in paths),
        kinds=tuple(labelling.kinds),
    )
    with OutputFile(output) as file:
        writer = FeaturesWriter(file, about)
        for step in run.steps():
            writer.write(step.trades, step.names, step.features, step.labels, step.kept)
        writer.close()
    return output


@lru_cache(maxsize=1)
def small_model() -> tuple[Path, Trained]:
    """Return the folder of a model, made once per process, and what was trained."""
    folder = Path(tempfile.mkdtemp(prefix="small-model-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    file = write_features(injected_days(folder / "days"), folder / "features.parquet")
    trained = train(file, seed=1, depth=4)
    write_folder(folder / "models/small", trained.files())
    return folder / "models/small", trained
