"""The rules, tables and checks of chapter CTL."""
