"""The form of an integration, made of what its provider declares."""

from collections.abc import Set
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from integrations.logos import delete_logo, save_logo
from integrations.models import Integration, IntegrationLogo
from integrations.provider import Connection, Provider, SettingField
from integrations.registry import get_provider, provider_names
from integrations.saving import check_kept_secrets
from pulse.tenancy.admin.base import TenantForm
from pulse.tenancy.admin.pictures import LogoField, without_logo_field

KEPT = "A value is stored and is never shown. Leave empty to keep it."


def field_name(setting: SettingField) -> str:
    """The form field's name of a declared setting."""
    return f"setting_{setting.name}"


class IntegrationForm(TenantForm):
    """Settings and secrets of one integration as fields. A secret left empty keeps the stored one.

    `form_for` makes subclasses with one field per setting of their provider.
    """

    provider_code: Provider
    secret_names: Set[str]
    if TYPE_CHECKING:
        instance: Integration

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # The model's validation asks its provider, also where the chosen one turns out to be none.
        self.instance.provider = self.instance.provider or self.provider_code.name
        for setting in self.provider_code.settings:
            field = self.fields[field_name(setting)]
            if setting.name not in self.secret_names:
                field.initial = self.instance.settings.get(setting.name, setting.default)
            elif self.instance.secrets.get(setting.name):
                field.required = False
                field.help_text = f"{setting.help}. {KEPT}"

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        before = self.instance.connection()
        said = {one.name: cleaned.get(field_name(one), "").strip() for one in self.provider_code.settings}
        # Set before the model's own validation, which looks at them as a whole.
        for name, value in said.items():
            self._take_over(name, value)
        # The settings of a provider that is no more cannot be told apart; the model's own validation refuses it.
        if self.instance.pk and self.instance.provider == self.provider_code.name:
            self._check_kept_secrets(before, {name for name, value in said.items() if value})
        return cleaned

    def _check_kept_secrets(self, before: Connection, given: Set[str]) -> None:
        """A secret that is not shown is no field of the form: it is told of above all fields."""
        try:
            check_kept_secrets(before, self.instance, given)
        except ValidationError as error:
            self.add_error(None, error.messages[0])

    def save_logo(self) -> None:
        """Once the integration is saved."""
        if self.cleaned_data.get("logo"):
            save_logo(self.instance, self.cleaned_data["logo"])
        elif self.cleaned_data.get("without_logo"):
            for logo in IntegrationLogo.objects.filter(integration=self.instance):
                delete_logo(logo)

    def _take_over(self, name: str, value: str) -> None:
        secret = name in self.secret_names
        if value:
            (self.instance.secrets if secret else self.instance.settings)[name] = value
        elif not secret:
            self.instance.settings.pop(name, None)


def _form_field(setting: SettingField, secret: bool) -> forms.Field:
    widget: forms.Widget = UnfoldAdminTextInputWidget()
    if secret:
        widget = UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}, render_value=False)
    return forms.CharField(required=setting.required, label=setting.label, help_text=setting.help, widget=widget)


def _provider_field(provider: Provider) -> forms.Field:
    """Chosen on the page before; what is no provider is an error at it."""
    choices = [(name, get_provider(name).label) for name in provider_names()]
    return forms.ChoiceField(choices=choices, initial=provider.name, widget=forms.HiddenInput())


def form_for(integration: Integration | None, chosen: str = "") -> type[IntegrationForm]:
    """The form of an integration, or of a new one of the chosen provider.

    An unknown provider gets the first one's fields, and an error at the choice.
    """
    known = provider_names()
    name = integration.provider if integration else chosen
    provider = get_provider(name if name in known else known[0])
    secrets = {setting.name for setting in provider.settings if setting.secret}
    if integration:
        # What was once stored as a secret stays one, whatever the provider says of it now.
        secrets |= integration.secrets.keys()
    fields = {field_name(setting): _form_field(setting, setting.name in secrets) for setting in provider.settings}
    if integration is None:
        fields["provider"] = _provider_field(provider)
    else:
        fields |= {"logo": LogoField(), "without_logo": without_logo_field()}
    return type("ProviderForm", (IntegrationForm,), {**fields, "provider_code": provider, "secret_names": secrets})
