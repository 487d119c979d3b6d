"""Everything is in pyproject.toml but this: the kernels' link, which not every copy of the repository comes with."""

from pathlib import Path

from setuptools import setup

# A ZIP that was unpacked by a tool that knows no links, or a clone without them, has a text file in the link's place.
link = Path(__file__).parent / "dataperf_fast" / "kernels"
if not link.is_dir():
    aside = link.with_name(".kernels")
    try:
        aside.unlink(missing_ok=True)
        aside.symlink_to("../kernels", target_is_directory=True)
        aside.replace(link)
    except OSError as error:
        expected = "a symbolic link to ../kernels (on Windows: Developer Mode, git clone -c core.symlinks=true)"
        raise SystemExit(f"{link}: is no folder, and no link can be made ({error}); expected {expected}") from error
setup()
