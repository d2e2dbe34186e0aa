"""Which packages there are: the converter and its rules under their import names, and everything below shims/."""

from setuptools import find_packages, setup

setup(
    packages=[
        "ms_convert",
        *(f"ms_convert.{package}" for package in find_packages("convert")),
        "ms_convert.rules",
        *find_packages("shims"),
    ]
)
