"""Calls that nobody waits for any more keep no process from ending, and not with another code."""

import subprocess
import sys

PROGRAM = """
import time
from tape.alerting.drawing import trial_picture
from tape.process.bounded import in_background
from tape.process.exit import leave

trial_picture()

def draw():
    while True:
        trial_picture()

for _ in range(3):
    in_background(draw)
time.sleep(0.3)
print("ends", flush=True)
leave(2)
"""


def test_an_app_whose_pictures_are_still_being_drawn_ends_with_its_own_code() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stdout, done.stderr) == (2, "ends\n", "")
