package manifest

// DecodeStrict parses a YAML file that is no object of the platform, such as the settings of an installation, as strictly
// as those are parsed: unknown and duplicate keys, wrong types, anchors and empty values are told with their place, all
// at once. into points to a struct with yaml tags; a field without omitempty must be there.
func DecodeStrict(file string, data []byte, into any) Problems {
	root, problems := parseTree(file, data)
	if root == nil {
		return problems
	}
	d := decoder{file: file, data: data, lenient: len(problems) > 0}
	d.decode(root, into)
	return finish(append(problems, d.problems...), data)
}
