"""Builds the extension from bindings/c/tism.c, which an sdist carries in csrc/."""

import os
import shutil
import sys

from setuptools import Extension, setup
from setuptools.command.sdist import sdist

here = os.path.dirname(os.path.abspath(__file__))
os.chdir(here)


def c_sources():
    for folder in ("csrc", os.path.join("..", "c")):
        if os.path.exists(os.path.join(folder, "tism.c")):
            return folder
    sys.exit(
        "tism: neither csrc/tism.c nor ../c/tism.c is there. pip before 21.3 copies this directory elsewhere: "
        "make an sdist with 'python3 setup.py sdist', and install that."
    )


class SdistWithC(sdist):
    def make_release_tree(self, base_dir, files):
        super().make_release_tree(base_dir, files)
        folder = os.path.join(base_dir, "csrc")
        os.makedirs(folder, exist_ok=True)
        for name in ("tism.c", "tism.h"):
            shutil.copyfile(os.path.join(c_sources(), name), os.path.join(folder, name))
        license = os.path.join("..", "..", "LICENSE")
        if os.path.exists(license):
            shutil.copyfile(license, os.path.join(base_dir, "LICENSE"))


# From Python 3.11 on the limited API has all that is needed: one build serves every later version.
limited = sys.version_info >= (3, 11) and not os.environ.get("TISM_NO_LIMITED_API")
folder = c_sources()
setup(
    cmdclass={"sdist": SdistWithC},
    ext_modules=[
        Extension(
            "tism._tism",
            ["src/tism/_tism.c", os.path.join(folder, "tism.c")],
            include_dirs=[folder],
            depends=[os.path.join(folder, "tism.h")],
            define_macros=[("Py_LIMITED_API", "0x030B0000")] if limited else [],
            extra_compile_args=["-std=c11", "-pthread", "-fvisibility=hidden"],
            extra_link_args=["-pthread"],
            py_limited_api=limited,
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}} if limited else {},
)
