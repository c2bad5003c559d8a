"""Lasso's gateway with its presidio plugin on a blank spaCy pipeline.

The plugin asks Presidio for its default engine, which needs a downloaded model;
offline that fails and the plugin passes text through unredacted. This launcher
supplies a blank pipeline so the plugin's pattern recognizers really run.
"""

import presidio_analyzer
import spacy
from presidio_analyzer.nlp_engine import SpacyNlpEngine


class BlankEngine(SpacyNlpEngine):
    """An English tokenizer without a model."""

    def __init__(self) -> None:
        super().__init__(models=[{"lang_code": "en", "model_name": "blank"}])
        self.nlp = {"en": spacy.blank("en")}

    def load(self) -> None:
        return None


plain = presidio_analyzer.AnalyzerEngine
presidio_analyzer.AnalyzerEngine = lambda: plain(nlp_engine=BlankEngine(), supported_languages=["en"])

from mcp_gateway.server import main  # noqa: E402 - the plugin must see the engine above

main()
