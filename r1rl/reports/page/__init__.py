"""The report as one page: `build` puts the data of the runs, the style sheet and the scripts into page.html."""
