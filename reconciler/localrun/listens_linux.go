package localrun

import (
	"bufio"
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// listens says that a process, or another of its process group, listens where an address leads to.
func listens(pid int, address string) bool {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return false
	}
	sockets := listening(to.Port())
	if len(sockets) == 0 {
		return false
	}
	for _, member := range group(pid) {
		open, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", member)) // the pattern is right
		for _, file := range open {
			if target, err := os.Readlink(file); err == nil && sockets[target] {
				return true
			}
		}
	}
	return false
}

// listening are the sockets that listen on a port, as links to open files name them.
func listening(port uint16) map[string]bool {
	const local, state, inode, listen = 1, 3, 9, "0A"
	sockets := map[string]bool{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		content, err := os.ReadFile(table)
		if err != nil { // no IPv6, say
			continue
		}
		for lines := bufio.NewScanner(bytes.NewReader(content)); lines.Scan(); {
			fields := strings.Fields(lines.Text())
			if len(fields) > inode && fields[state] == listen && strings.HasSuffix(fields[local], fmt.Sprintf(":%04X", port)) {
				sockets["socket:["+fields[inode]+"]"] = true
			}
		}
	}
	return sockets
}

// group are the processes of the group that a process leads.
func group(leader int) []int {
	members := []int{leader}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is right
	for _, file := range stats {
		content, err := os.ReadFile(file)
		if err != nil { // it has ended
			continue
		}
		text := string(content)
		fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		const processGroup = 2
		if err == nil && pid != leader && len(fields) > processGroup && fields[processGroup] == strconv.Itoa(leader) {
			members = append(members, pid)
		}
	}
	return members
}
