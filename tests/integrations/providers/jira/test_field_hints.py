"""What is suggested of a Jira site's fields."""

import pytest

from custommapping.models import CustomField
from custommapping.suggestions import suggest
from integrations.providers.jira.field_hints import SUGGESTED_FIELDS
from integrations.sandbox.jira.customfields import CUSTOM_FIELDS

STOCK = "com.atlassian.jira.plugin.system.customfieldtypes"


def suggested(*fields: CustomField) -> dict[str, str]:
    return {column: made.field.name for column, made in suggest(fields, SUGGESTED_FIELDS, {}).items()}


def field(number: int, name: str, kind: str, custom: str = f"{STOCK}:select") -> CustomField:
    return CustomField(
        pk=number, external_id=f"customfield_{number}", name=name, field_type=kind, schema={"custom": custom}
    )


def test_of_a_whole_site_the_right_fields_are_suggested() -> None:
    filled = {"Story Points": 29, "Story point estimate": 20, "Development": 15, "Code changed": 50}
    fields = [
        CustomField(
            pk=found.number, external_id=found.id, name=found.name, field_type=found.kind, schema=found.schema(),
            items_seen=100, items_filled=filled.get(found.name, 30),
        )
        for found in CUSTOM_FIELDS
    ]  # fmt: skip

    made = suggest(fields, SUGGESTED_FIELDS, {})

    assert {column: suggestion.field.external_id for column, suggestion in made.items()} == {
        "team": "customfield_10001",
        "code_changed": "customfield_10000",
        "story_points": "customfield_10028",
    }


@pytest.mark.parametrize(
    "name",
    [
        "Team", "Squad", "Équipe", "Equipo", "Equipe", "Squadra", "Zespół", "Tým", "Tiimi", "Csapat", "Echipă",
        "Команда", "Takım", "צוות", "فريق", "チーム", "团队", "團隊", "팀", "Ομάδα", "Platform Team",
    ],
)  # fmt: skip
def test_a_team_is_known_in_many_languages(name: str) -> None:
    assert suggested(field(1, name, "option")) == {"team": name}


@pytest.mark.parametrize(
    "name",
    [
        "Story Points", "story point estimate", "Storypunkte", "Points de récit", "Puntos de historia",
        "Pontos da história", "Punti storia", "Storypunten", "Punkty historii", "Body příběhu", "Tarinapisteet",
        "Стори поинты", "Hikaye puanı", "ストーリー ポイント", "故事点", "故事點數", "스토리 포인트",
        "Story Points (QA)",
    ],
)  # fmt: skip
def test_story_points_are_known_in_many_languages(name: str) -> None:
    assert suggested(field(1, name, "number", f"{STOCK}:float")) == {"story_points": name}
    assert suggested(field(1, name, "string", f"{STOCK}:textfield")) == {}


@pytest.mark.parametrize(
    "name",
    [
        "Code changed", "Code changed?", "Code geändert", "Code modifié", "Código modificado", "Código alterado",
        "Codice modificato", "Code gewijzigd", "Zmiana kodu", "Změna kódu", "Kodändring", "Изменение кода",
        "Kod değişikliği", "コード変更", "代码变更", "코드 변경",
    ],
)  # fmt: skip
def test_code_changed_is_known_in_many_languages(name: str) -> None:
    assert suggested(field(1, name, "option")) == {"code_changed": name}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Team size", "number"), ("Team lead", "user"), ("Team joined", "date"), ("Development notes", "string"),
        ("Developer", "user"), ("Points of contact", "array"), ("Story", "string"), ("Estimate", "number"),
        ("Time", "string"), ("Sprint", "array"), ("Steam version", "string"), ("Spend", "number"),
    ],
)  # fmt: skip
def test_what_only_sounds_like_one_is_not_suggested(name: str, kind: str) -> None:
    assert suggested(field(1, name, kind)) == {}


def test_every_name_in_the_lists_is_known_to_one_column_alone() -> None:
    for column, hint in SUGGESTED_FIELDS.items():
        for name in (*hint.names, *hint.within):
            assert suggested(field(1, name, hint.types[0])) == {column: name}
