"""Which of the projects, or repositories, that an account sees are to be read."""

from collections.abc import Sequence

from django import forms

# Django takes a thousand fields of a form; and nobody reads through more.
MOST_LISTED = 500
ALL, CHOSEN = "all", "chosen"


class ScopeForm(forms.Form):
    """``keys`` are those there are, of which people choose; ``containers`` what they are called; ``typed`` what the
    settings say of them, with commas between.
    """

    which = forms.ChoiceField(widget=forms.RadioSelect, label="What is read")
    keys = forms.MultipleChoiceField(required=False, widget=forms.CheckboxSelectMultiple)

    def __init__(self, keys: Sequence[str], containers: str, given: object = None, typed: str = "") -> None:
        super().__init__(given, initial={"which": ALL})  # type: ignore[arg-type]  # QueryDict or None
        self._containers = containers
        all_of_them = f"As the settings say: {typed}" if typed else f"All {containers}, and those that come later"
        self.fields["which"].choices = [(ALL, all_of_them), (CHOSEN, "Only these:")]  # type: ignore[attr-defined]
        self.fields["keys"].choices = [(key, key) for key in keys[:MOST_LISTED]]  # type: ignore[attr-defined]
        self.fields["keys"].label = containers.capitalize()
        self.left_out = max(len(keys) - MOST_LISTED, 0)

    def clean_keys(self) -> list[str]:
        chosen: list[str] = self.cleaned_data["keys"]
        if self.cleaned_data.get("which") == CHOSEN and not chosen:
            raise forms.ValidationError(f"Choose at least one of the {self._containers}, or all.")
        return chosen

    @property
    def chosen(self) -> str | None:
        """As the setting has it, with commas between; None: as it was typed."""
        return ", ".join(self.cleaned_data["keys"]) if self.cleaned_data["which"] == CHOSEN else None
