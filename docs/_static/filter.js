// Filters for tables of class "filtered": each row carries classes such as family-RET, level-MUST,
// verdict-fail, and a choice keeps the rows that have all the chosen ones. The choices stand in the
// address, ?family=WRB&verdict=fail, so that a view can be linked to. Without JavaScript the table
// is simply whole.
document.addEventListener("DOMContentLoaded", () => {
  const address = new URL(location.href);
  for (const table of document.querySelectorAll("table.filtered")) {
    const rows = [...table.querySelectorAll("tbody tr")];
    const bar = document.createElement("div");
    const count = document.createElement("span");
    count.setAttribute("role", "status");
    bar.className = "filters";
    const selects = ["family", "level", "verdict"].map((kind) => {
      const select = document.createElement("select");
      const found = rows.flatMap((row) => [...row.classList].filter((c) => c.startsWith(kind + "-")));
      select.append(new Option("all", ""));
      for (const name of new Set(found)) {
        select.append(new Option(name.slice(kind.length + 1).replace("-", " "), name));
      }
      const label = document.createElement("label");
      label.append(kind + " ", select);
      bar.append(label);
      const given = `${kind}-${address.searchParams.get(kind)}`;
      if ([...select.options].some((option) => option.value === given)) select.value = given;
      select.addEventListener("change", () => {
        const chosen = select.value.slice(kind.length + 1);
        if (chosen) address.searchParams.set(kind, chosen);
        else address.searchParams.delete(kind);
        history.replaceState(null, "", address);
        update();
      });
      return select;
    });
    function update() {
      const wanted = selects.map((select) => select.value).filter(Boolean);
      for (const row of rows) row.hidden = !wanted.every((name) => row.classList.contains(name));
      count.textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length} rules`;
    }
    bar.append(count);
    table.parentElement.before(bar);
    update();
  }
});
