"""The controls of the resampling panel and their places; what they do is in `widgets`."""

import ipywidgets

from lstmgan_utils import runtime

LARGEST_SEED = 2**31 - 1
LABEL = {"description_width": "88px"}
INSTRUMENTS = {
    "piano": 0,
    "music box": 10,
    "organ": 19,
    "accordion": 21,
    "guitar": 24,
    "violin": 40,
    "strings": 48,
    "choir": 52,
    "trumpet": 56,
    "clarinet": 71,
    "flute": 73,
    "recorder": 74,
    "bagpipe": 109,
    "fiddle": 110,
}


def known_weights():
    """List what the panel offers: the shipped weights and every run folder in outputs/runs."""
    root = runtime.project_root()
    runs = sorted((root / "outputs" / "runs").glob("*/config.json"))
    return ["folk", *(str(run.parent.relative_to(root)) for run in runs)]


def instrument_options(program):
    """List (name, program), the program of the first take included."""
    named = tuple(INSTRUMENTS.items())
    return named if program in INSTRUMENTS.values() else ((f"program {program}", program), *named)


def make_controls(knobs):
    """Build one control a knob, in the subset of ipywidgets that versions 7.7 and 8 share.

    Args:
        knobs: Knobs with the values to start from.

    Returns:
        dict of knob name to widget.
    """
    w, late = ipywidgets, {"continuous_update": False, "style": LABEL}
    seed = {"min": 0, "max": LARGEST_SEED, "style": LABEL}
    controls = {
        "seed": w.BoundedIntText(description="seed", **seed),
        "measures": w.IntSlider(description="measures", min=1, max=200, value=8, **late),
        "other_seed": w.BoundedIntText(description="other seed", **seed),
        "amount": w.FloatSlider(description="blend", min=0, max=1, step=0.01, **late),
        "walk": w.Checkbox(description="walk to the other seed", indent=False),
        "tempo": w.IntSlider(description="tempo", min=40, max=240, value=120, **late),
        "transpose": w.IntSlider(description="key ±", min=-12, max=12, **late),
        "program": w.Dropdown(
            description="instrument", options=instrument_options(knobs.program), style=LABEL
        ),
        "temperature": w.FloatSlider(
            description="temperature", min=0, max=2, step=0.1, value=1, **late
        ),
        "weights": w.Combobox(
            description="weights", options=known_weights(), continuous_update=False, style=LABEL
        ),
    }
    for name, control in controls.items():
        control.value = getattr(knobs, name)
        control.layout = ipywidgets.Layout(width="250px")
        control.add_class(f"knob-{name.replace('_', '-')}")
    return controls


def make_buttons():
    """Build the buttons of the panel: dict of name to widget."""
    texts = {
        "dice": ("⚄ any seed", "draw a seed at random"),
        "details": ("other details", "same song latent, new random values for each beat"),
        "song": ("other song", "new song latent, same random values for each beat"),
        "resample": ("Resample", "sample the next seed"),
        "export": ("Export", "save as MIDI, MXL, sound and picture"),
        "A": ("hear A", "bring take A into the player"),
        "B": ("hear B", "bring take B into the player"),
    }
    buttons = {
        name: ipywidgets.Button(
            description=text, tooltip=tip, layout=ipywidgets.Layout(width="auto")
        )
        for name, (text, tip) in texts.items()
    }
    buttons["resample"].button_style = "primary"
    buttons["score"] = ipywidgets.ToggleButton(description="show score")
    for name, button in buttons.items():
        button.add_class(f"button-{name}")
    return buttons


def arrange(panel):
    """Lay the panel out: knobs in three groups, the player, takes and files.

    Args:
        panel: ResamplingPanel with its widgets made.

    Returns:
        list of widgets, from top to bottom.
    """
    c, b = panel.controls, panel.buttons
    wrap = ipywidgets.Layout(flex_flow="row wrap", align_items="center", margin="4px 0")
    top = ipywidgets.Layout(flex_flow="row wrap", align_items="flex-start")
    group = ipywidgets.Layout(margin="0 6px 4px 0")

    def column(title, *rows):
        head = ipywidgets.HTML(f"<b>{title}</b>")
        return ipywidgets.VBox([head, *rows], layout=group)

    def row(*parts):
        return ipywidgets.HBox(parts, layout=wrap)

    random_values = column(
        "Random values",
        c["seed"],
        row(b["dice"], b["details"], b["song"]),
        c["other_seed"],
        c["amount"],
        c["walk"],
    )
    model = column("Model", c["weights"], c["measures"], c["temperature"], panel.count)
    sound = column("Sound", c["tempo"], c["transpose"], c["program"])
    compare = row(panel.pick["A"], b["A"], panel.pick["B"], b["B"])
    act = row(b["resample"], b["export"], b["score"], panel.status)
    knobs = ipywidgets.HBox([random_values, model, sound], layout=top)
    return [knobs, act, panel.player, compare, panel.score]
