package reconciler

import (
	"slices"
	"strconv"
	"strings"
)

// ExposedPort is the port of an app that the settings of its image tell, out of the ports that they expose, as in 8080/tcp: the
// one TCP port among them; 0 when there is none, or several.
func ExposedPort(exposed map[string]struct{}) int {
	var ports []int
	for declared := range exposed {
		number, protocol, _ := strings.Cut(declared, "/")
		port, err := strconv.Atoi(number)
		if err == nil && (protocol == "" || protocol == "tcp") && !slices.Contains(ports, port) {
			ports = append(ports, port)
		}
	}
	if len(ports) != 1 {
		return 0
	}
	return ports[0]
}
