"""docs/reference/settings.md names every setting that a service has, and says what each is for."""

import settings_docs


def test_the_page_is_what_the_classes_say():
    assert settings_docs.PAGE.read_text("utf-8") == settings_docs.page(), "run: make settings-docs"


def test_each_setting_has_a_description():
    rows = [line for line in settings_docs.page().splitlines() if line.startswith("| `FERRY_")]
    assert len(rows) > 60
    assert [row for row in rows if row.endswith("|  |")] == []
