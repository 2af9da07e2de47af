"""Where things lie and how much may be used; every field is also an environment variable PERTURBSCOPE_<NAME>."""

import os
from functools import lru_cache
from pathlib import Path

import platformdirs
from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Settings of one installation, read from the environment.

    Parameters
    ----------
    data_root
        Folder of studies, runs, uploads, logs and the job queue.
    data_folders
        Folders from which the page may open files, separated by the system's path separator; default the
        user's home folder.
    upload_limit_mb
        Largest upload in megabytes.
    threads
        Threads of the turn and the sweep; default the machine's processors, at most 16.
    """

    model_config = SettingsConfigDict(env_prefix="PERTURBSCOPE_")

    data_root: Path = Field(default_factory=lambda: Path(platformdirs.user_data_dir("perturbscope", appauthor=False)))
    data_folders: str = Field(default_factory=lambda: str(Path.home()))
    upload_limit_mb: int = 4096
    threads: int = Field(default_factory=lambda: min(16, os.cpu_count() or 1))

    @field_validator("data_root")
    @classmethod
    def _at_home(cls, data_root: Path) -> Path:
        return data_root.expanduser()

    @property
    def folders(self) -> list[Path]:
        """The configured data folders, resolved."""
        return [Path(folder).expanduser().resolve() for folder in self.data_folders.split(os.pathsep) if folder]


def root_or_default(given: str | Path | None) -> Path:
    """The data root that a caller gave, as text or path, ``~`` being the home folder; else the configured one."""
    return Path(given).expanduser() if given else settings().data_root


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process; call ``settings.cache_clear()`` after the environment changed."""
    return Settings()
