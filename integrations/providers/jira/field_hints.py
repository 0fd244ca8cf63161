"""How the fields for team, story points and code changed are recognised: by kind, and by what people call them."""

from collections.abc import Mapping

from integrations.provider import FieldHint
from integrations.providers.jira.dev_field import DEVELOPMENT_SCHEMAS

_STOCK = "com.atlassian.jira.plugin.system.customfieldtypes"

# Left out is what means a team in one language and much else in others: time, lag, hold.
_TEAM_NAMES = (
    "Team", "Teams", "Team name", "Scrum team", "Agile team", "Dev team", "Delivery team", "Development team",
    "Owning team", "Owner team", "Assigned team", "Responsible team", "Feature team", "Product team", "Squad", "Crew",
    "Entwicklungsteam", "Zuständiges Team", "Teamname",  # German
    "Équipe", "Équipe responsable", "Équipe de développement",  # French
    "Equipo", "Equipo responsable", "Equipo de desarrollo",  # Spanish
    "Equipe", "Equipa", "Equipe responsável", "Time responsável",  # Portuguese
    "Squadra", "Gruppo di lavoro",  # Italian
    "Ploeg", "Ontwikkelteam",  # Dutch
    "Zespół", "Drużyna",  # Polish
    "Tým", "Tím",  # Czech, Slovak
    "Arbetslag", "Utvecklingsteam",  # Swedish
    "Udviklingsteam", "Utviklingsteam",  # Danish, Norwegian
    "Tiimi", "Kehitystiimi",  # Finnish
    "Csapat", "Fejlesztőcsapat",  # Hungarian
    "Echipă", "Echipa",  # Romanian
    "Команда", "Команда разработки",  # Russian, Ukrainian
    "Отбор", "Екип",  # Bulgarian
    "Ομάδα",  # Greek
    "Takım", "Ekip",  # Turkish
    "צוות",  # Hebrew
    "فريق", "الفريق",  # Arabic
    "टीम",  # Hindi
    "チーム", "担当チーム",  # Japanese
    "团队", "小组", "所属团队", "團隊", "小組",  # Chinese
    "팀", "담당 팀",  # Korean
    "Nhóm", "Đội",  # Vietnamese
    "ทีม",  # Thai
    "Tim",  # Indonesian
)  # fmt: skip
_TEAMS = (
    "Team", "Teams", "Squad", "Équipe", "Equipo", "Equipa", "Squadra", "Zespół", "Tým", "Tiimi", "Csapat", "Echipa",
    "Команда", "Ομάδα", "Takım", "צוות", "فريق", "チーム", "团队", "團隊", "팀",
)  # fmt: skip
_POINT_NAMES = (
    "Story points", "Story point", "Storypoints", "Story point estimate", "Story points estimate", "SP",
    "Estimate (story points)", "Effort points", "Complexity points",
    "Story-Punkte", "Storypunkte", "Schätzung in Story Points", "Story-Point-Schätzung",  # German
    "Points de récit", "Points d'histoire", "Points de story", "Estimation en story points",  # French
    "Puntos de historia", "Puntos de la historia", "Estimación de puntos de historia",  # Spanish
    "Pontos de história", "Pontos da história", "Estimativa de pontos da história",  # Portuguese
    "Punti storia", "Punti della storia", "Stima dei punti storia",  # Italian
    "Storypunten", "Verhaalpunten", "Schatting in storypunten",  # Dutch
    "Punkty historii", "Punkty historyjek", "Punkty scenariusza", "Oszacowanie punktów scenariusza",  # Polish
    "Body příběhu", "Body scénáře", "Odhad bodů scénáře",  # Czech
    "Berättelsepoäng", "Storypoäng", "Story-poäng",  # Swedish
    "Historiepoint", "Storypoeng", "Historiepoeng",  # Danish, Norwegian
    "Tarinapisteet", "Tarinapistearvio",  # Finnish
    "Sztoripont", "Sztoripontok", "Történetpontok",  # Hungarian
    "Puncte de poveste", "Puncte story",  # Romanian
    "Стори поинты", "Сторипоинты", "Стори-поинты", "Оценка в story points", "Очки истории",  # Russian
    "Сторі поінти", "Сторі-поінти",  # Ukrainian
    "Hikaye puanı", "Hikâye puanı", "Hikaye puanları",  # Turkish
    "ストーリーポイント", "ストーリーポイントの見積もり", "ストーリーポイント見積",  # Japanese
    "故事点", "故事点数", "故事点估算", "故事點", "故事點數",  # Chinese
    "스토리 포인트", "스토리 포인트 추정치",  # Korean
    "Điểm story", "Điểm câu chuyện",  # Vietnamese
)  # fmt: skip
_POINTS = (
    "Story points", "Story point", "Storypoints", "Story-Punkte", "Puntos de historia", "Pontos de história",
    "Punti storia", "Hikaye puanı", "ストーリーポイント", "故事点", "故事點", "스토리 포인트",
)  # fmt: skip
_CODE_NAMES = (
    "Code changed", "Code changes", "Code change", "Changes code", "Code changed?", "Has code changes", "Code impact",
    "Development",
    "Code geändert", "Codeänderung", "Codeänderungen", "Entwicklung",  # German
    "Code modifié", "Modification du code", "Développement",  # French
    "Código modificado", "Cambio de código", "Cambios de código", "Desarrollo",  # Spanish
    "Código alterado", "Alteração de código", "Mudança de código", "Desenvolvimento",  # Portuguese
    "Codice modificato", "Modifica del codice", "Modifiche al codice", "Sviluppo",  # Italian
    "Code gewijzigd", "Codewijziging", "Ontwikkeling",  # Dutch
    "Zmiana kodu", "Zmiany w kodzie", "Kod zmieniony", "Programowanie",  # Polish
    "Změna kódu", "Vývoj",  # Czech
    "Kodändring", "Kod ändrad", "Utveckling",  # Swedish
    "Kodeændring", "Kodeendring", "Udvikling", "Utvikling",  # Danish, Norwegian
    "Koodimuutos", "Kehitys",  # Finnish
    "Kódváltozás", "Kódmódosítás", "Fejlesztés",  # Hungarian
    "Modificare de cod", "Cod modificat", "Dezvoltare",  # Romanian
    "Изменение кода", "Код изменён", "Код изменен", "Разработка",  # Russian
    "Зміна коду", "Розробка",  # Ukrainian
    "Kod değişikliği", "Kod değişti", "Geliştirme",  # Turkish
    "コード変更", "コードの変更", "開発",  # Japanese
    "代码变更", "代码更改", "代码修改", "开发", "程式碼變更", "開發",  # Chinese
    "코드 변경", "개발",  # Korean
)  # fmt: skip

_CODES = (
    "Code changed", "Code changes", "Code change", "Codeänderung", "Code geändert", "Code modifié", "Cambios de código",
    "Изменение кода", "コード変更", "代码变更", "코드 변경",
)  # fmt: skip

SUGGESTED_FIELDS: Mapping[str, FieldHint] = {
    "team": FieldHint(
        schemas=(f"{_STOCK}:atlassian-team", "com.atlassian.teams:rm-teams-custom-field-team"),
        types=("team", "any", "string", "option", "option-with-child", "array", "group"),
        names=_TEAM_NAMES,
        within=_TEAMS,
        likely=("com.tempoplugin.tempo-teams:team.customfield",),
    ),
    # Projects that their teams manage have this kind, all others a plain number: whichever is used more.
    "story_points": FieldHint(
        schemas=(),
        likely=("com.pyxis.greenhopper.jira:jsw-story-points",),
        types=("number",),
        names=_POINT_NAMES,
        within=_POINTS,
    ),
    "code_changed": FieldHint(
        schemas=DEVELOPMENT_SCHEMAS, types=("any", "option", "array", "string"), names=_CODE_NAMES, within=_CODES
    ),
}
