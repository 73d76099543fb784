// Package strict parses YAML files that people write, and reports everything that is wrong with them at once, each with its
// place and how to mend it. Nothing is converted and nothing guessed: unknown and duplicate keys, wrong types, anchors,
// empty values and what YAML parsers read differently are refused. It knows nothing of what the files are about: that is
// in the yaml tags of the structs it fills in.
package strict
