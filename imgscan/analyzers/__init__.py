"""From evidence to findings: one file per family.

An analyzer declares what it needs of a scan (rules, depth, detectors, extractors) and later asks the
evidence; it never opens a layer. To add one: write its file, add its line to ANALYZERS.
"""

from __future__ import annotations

from imgscan.analyzers.account import AccountAnalyzer
from imgscan.analyzers.analyzer import Analyzer, Evidence, Outcome
from imgscan.analyzers.attestation_secret import AttestationSecretAnalyzer
from imgscan.analyzers.build_tool import BuildToolAnalyzer
from imgscan.analyzers.config_secret import ConfigSecretAnalyzer
from imgscan.analyzers.env_secret import EnvSecretAnalyzer
from imgscan.analyzers.file_secret import FileSecretAnalyzer
from imgscan.analyzers.healthcheck import HealthcheckAnalyzer
from imgscan.analyzers.history_secret import HistorySecretAnalyzer
from imgscan.analyzers.image_hygiene_base import BaseSizeAnalyzer
from imgscan.analyzers.image_hygiene_caches import CachesAnalyzer
from imgscan.analyzers.image_hygiene_commands import CommandsAnalyzer
from imgscan.analyzers.image_hygiene_copies import CopiesAnalyzer
from imgscan.analyzers.image_hygiene_files import FilesAnalyzer
from imgscan.analyzers.image_hygiene_settings import SettingsAnalyzer
from imgscan.analyzers.image_hygiene_waste import WasteAnalyzer
from imgscan.analyzers.label_secret import LabelSecretAnalyzer
from imgscan.analyzers.layer_anomaly import LayerAnomalyAnalyzer
from imgscan.analyzers.root_user import RootUserAnalyzer
from imgscan.analyzers.sensitive_file import SensitiveFileAnalyzer
from imgscan.analyzers.setuid_file import SetuidFileAnalyzer

__all__ = ["ANALYZERS", "Analyzer", "Evidence", "Outcome"]

ANALYZERS: tuple[Analyzer, ...] = (
    RootUserAnalyzer(),
    FileSecretAnalyzer(),
    EnvSecretAnalyzer(),
    HistorySecretAnalyzer(),
    LabelSecretAnalyzer(),
    ConfigSecretAnalyzer(),
    AttestationSecretAnalyzer(),
    SensitiveFileAnalyzer(),
    BuildToolAnalyzer(),
    SetuidFileAnalyzer(),
    AccountAnalyzer(),
    LayerAnomalyAnalyzer(),
    HealthcheckAnalyzer(),
    WasteAnalyzer(),
    CachesAnalyzer(),
    CommandsAnalyzer(),
    CopiesAnalyzer(),
    SettingsAnalyzer(),
    FilesAnalyzer(),
    BaseSizeAnalyzer(),
)
