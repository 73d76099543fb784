package localrun

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// memoryOf is how much memory a process has of its own, in bytes: what it shares with others, such as its program, is not
// counted. It is 0 when the process has ended.
func memoryOf(pid int) int64 {
	const resident, shared = 1, 2 // pages
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(content))
	if len(fields) <= shared {
		return 0
	}
	all, _ := strconv.ParseInt(fields[resident], 10, 64) // the kernel writes numbers
	others, _ := strconv.ParseInt(fields[shared], 10, 64)
	return (all - others) * int64(os.Getpagesize())
}
