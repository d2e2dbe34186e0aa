"""``torch.utils.cpp_extension``: there for code that imports it, and names what cannot be built."""

from __future__ import annotations

import mindtorch.utils.cpp_extension as ours
import pytest

theirs = pytest.importorskip("torch.utils.cpp_extension")


@pytest.mark.parametrize("name", ["ROCM_HOME", "SYCL_HOME", "IS_WINDOWS", "IS_LINUX", "IS_MACOS", "IS_HIP_EXTENSION"])
def test_constants_are_those_of_a_build_without_devices(name: str) -> None:
    assert getattr(ours, name) == getattr(theirs, name)


@pytest.mark.parametrize("environment", [{}, {"CXX": "my-compiler", "XDG_CACHE_HOME": "/elsewhere"}])
def test_questions_are_answered_as_by_pytorch(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert ours.get_cxx_compiler() == theirs.get_cxx_compiler()
    assert ours.get_default_build_root() == theirs.get_default_build_root()
    assert ours.is_ninja_available() == theirs.is_ninja_available()


def test_without_ninja(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert not ours.is_ninja_available()
    with pytest.raises(RuntimeError, match="Ninja is required"):
        ours.verify_ninja_availability()


@pytest.mark.parametrize(
    "name", ["load", "load_inline", "CppExtension", "CUDAExtension", "BuildExtension", "include_paths", "library_paths"]
)
def test_building_raises_by_name(name: str) -> None:
    with pytest.raises(NotImplementedError, match=rf"torch\.utils\.cpp_extension\.{name} is not supported"):
        getattr(ours, name)("name", ["a.cpp"])


def test_build_commands_can_be_derived_from() -> None:
    class Build(ours.BuildExtension):  # type: ignore[misc, valid-type]
        """As a setup.py does."""

    assert issubclass(Build, ours.BuildExtension)
    with pytest.raises(NotImplementedError, match=r"BuildExtension\.with_options"):
        ours.BuildExtension.with_options(no_python_abi_suffix=True)


def test_other_names_are_missing_by_name() -> None:
    with pytest.raises(NotImplementedError, match=r"torch\.utils\.cpp_extension\.ExtensionVersioner"):
        _ = ours.ExtensionVersioner
