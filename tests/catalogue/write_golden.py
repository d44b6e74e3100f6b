"""Write each version's golden file: ``python -m tests.catalogue.write_golden``, before a release only."""

import json

from citizen_services.catalogue.describe import golden
from tests.catalogue.test_declarations import GOLDEN, SOURCES

if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for code, item in SOURCES.items():
        text = json.dumps(golden(item), ensure_ascii=False, indent=1) + "\n"
        (GOLDEN / f"{code}.v{item.version}.json").write_text(text, encoding="utf-8")
