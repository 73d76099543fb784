# Draws what a terminal shows as an SVG:
#
#   tmux capture-pane -e -p -S - | awk -v columns=80 -v label="plateform up in a terminal" -f docs/terminal.awk > docs/up.svg
#
# It knows the colours that Plateform uses. docs/CONTRIBUTING.md says how the pictures of the docs are made.

# Spaces become ones that no renderer folds.
function escaped(s) {
	gsub(/&/, "\\&amp;", s); gsub(/</, "\\&lt;", s); gsub(/>/, "\\&gt;", s); gsub(/ /, "\\&#160;", s)
	return s
}

# style takes in the numbers of one escape sequence.
function style(codes,    n, i, list) {
	n = split(codes, list, ";")
	if (n == 0) list[n = 1] = 0
	for (i = 1; i <= n; i++) {
		if (list[i] == 0) bold = dim = color = ""
		else if (list[i] == 1) bold = " font-weight=\"bold\""
		else if (list[i] == 2) dim = " fill=\"#8b949e\""
		else if (list[i] == 22) bold = dim = ""
		else if (list[i] == 39) color = ""
		else if (list[i] in palette) color = " fill=\"" palette[list[i]] "\""
	}
}

function piece(text) {
	if (text == "") return ""
	return bold dim color == "" ? escaped(text) : "<tspan" bold (color == "" ? dim : color) ">" escaped(text) "</tspan>"
}

BEGIN {
	palette[31] = "#ff7b72"; palette[32] = "#7ee787"; palette[33] = "#f2cc60"; palette[34] = "#79c0ff"; palette[36] = "#76e3ea"
	if (!columns) columns = 80
}

{
	sub(/\r$/, "")
	line = ""
	while (match($0, /\033\[[0-9;]*m/)) {
		line = line piece(substr($0, 1, RSTART - 1))
		style(substr($0, RSTART + 2, RLENGTH - 3))
		$0 = substr($0, RSTART + RLENGTH)
	}
	lines[NR] = line piece($0)
	if (lines[NR] != "") last = NR
}

END {
	width = int(columns * 7.83) + 32
	height = 46 + last * 18
	printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\">\n", width, height, width, height, label
	print "<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#0d1117\"/>"
	print "<circle cx=\"20\" cy=\"19\" r=\"6\" fill=\"#ff5f56\"/><circle cx=\"40\" cy=\"19\" r=\"6\" fill=\"#ffbd2e\"/><circle cx=\"60\" cy=\"19\" r=\"6\" fill=\"#27c93f\"/>"
	print "<g font-family=\"ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace\" font-size=\"13\" fill=\"#c9d1d9\">"
	for (i = 1; i <= last; i++) if (lines[i] != "") printf "<text x=\"16\" y=\"%d\">%s</text>\n", 34 + i * 18, lines[i]
	print "</g>"
	print "</svg>"
}
