"""Sphinx configuration: the pages are rendered from the data that the checks use.

Nothing here needs a network; `_inventories/make.py` says which foreign names can be linked to.
"""

import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS / "_ext"), str(DOCS / "_inventories"), str(DOCS.parent)]

import make  # noqa: E402
from spec_history import edition  # noqa: E402

from spec import __version__  # noqa: E402
from spec.chapters.rules import families  # noqa: E402

project = "state-ad-spec"
author = "the state-ad-spec contributors"
copyright = f"{author}, Apache License 2.0. This is the specification {edition()}"
version = release = __version__
html_title = f"Differentiation over State {release}"

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "spec_api",
    "spec_arrays",
    "spec_causes",
    "spec_choices",
    "spec_clauses",
    "spec_domain",
    "spec_history",
    "spec_reach",
    "spec_tables",
    "spec_results",
    "spec_versions",
    "spec_sources",
    "spec_figures",
]
nitpicky = True
exclude_patterns = ["_build", "_ext", "_inventories", "_static", "pictures", "results"]

myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist"]
myst_heading_anchors = 3
default_role = "code"

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings say the types
# Types in docstrings are words for readers ("container of State"), so they are not made links.
napoleon_google_docstring = False
napoleon_use_param = False
napoleon_use_rtype = False
napoleon_custom_sections = [("Attributes", "params_style")]

intersphinx_mapping = make.mapping(DOCS / "_inventories")
intersphinx_disabled_reftypes = ["std:doc"]

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["spec.css"]
html_js_files = ["filter.js", "reach.js"]
html_theme_options = {
    "top_of_page_buttons": [],
    "light_css_variables": {"color-brand-primary": "#0b6e4f", "color-brand-content": "#0b6e4f"},
    "dark_css_variables": {"color-brand-primary": "#5fd3a8", "color-brand-content": "#5fd3a8"},
}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
copybutton_only_copy_prompt_lines = True

spec_results = "results"

# A chapter is built as soon as its family has rules; rules without a chapter fail the build.
exclude_patterns += [
    f"rules/{page.name}"
    for page in (DOCS / "rules").glob("???.md")
    if page.stem.upper() not in families()
]
