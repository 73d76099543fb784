package manifest

import (
	"fmt"

	"github.com/plateform/plateform/manifest/strict"

	"k8s.io/apimachinery/pkg/api/resource"
)

// amount is a kind of quantity with its sensible range.
type amount struct {
	what        string
	least, most string
	example     string
}

func cpuAmount() amount     { return amount{"cpu", "1m", "1024", "250m"} }
func memoryAmount() amount  { return amount{"memory", "1Mi", "16Ti", "256Mi"} }
func storageAmount() amount { return amount{"storage", "1Mi", "1Pi", "10Gi"} }

// check checks a quantity as Kubernetes reads it.
func (a amount) check(text string) error {
	q, err := strict.ParseQuantity(text)
	if err != nil {
		return refuse(fmt.Sprintf("write it like %q", a.example), "%s is not a quantity of %s", quote(text), a.what)
	}
	if q.Sign() <= 0 {
		return refuse(fmt.Sprintf("write it like %q", a.example), "the %s %s is not above zero", a.what, text)
	}
	if q.Cmp(resource.MustParse(a.least)) < 0 {
		return refuse(fmt.Sprintf("write it like %q", a.example), "the %s %s is less than %s", a.what, text, a.least)
	}
	if q.Cmp(resource.MustParse(a.most)) > 0 {
		return refuse(fmt.Sprintf("write it like %q", a.example), "the %s %s is more than %s", a.what, text, a.most)
	}
	return nil
}

// checkAmount checks a quantity that may be absent.
func (c *collector) checkAmount(field, text string, a amount) {
	if text != "" {
		c.addError(field, a.check(text))
	}
}

func (c *collector) checkResources(field string, r Resources) {
	c.checkAmount(field+".cpu", r.CPU, cpuAmount())
	c.checkAmount(field+".memory", r.Memory, memoryAmount())
}

// most replicas of one app; more is a slip of the finger.
const maxReplicas = 1000

func (c *collector) checkReplicas(field string, n int) {
	if n < 0 || n > maxReplicas {
		c.add(field, fmt.Sprintf("%d replicas are not possible", n), fmt.Sprintf("write a number from 0 to %d", maxReplicas))
	}
}

func (c *collector) checkPort(field string, port int) {
	if port < 0 || port > 65535 {
		c.add(field, fmt.Sprintf("%d is not a port", port), "write a number from 1 to 65535")
	}
}

// checkCount checks a count that may be absent.
func (c *collector) checkCount(field string, n, most int) {
	if n < 0 || n > most {
		c.add(field, fmt.Sprintf("%d is out of range", n), fmt.Sprintf("write a number from 1 to %d", most))
	}
}

// sum adds up quantities; what is no quantity is reported elsewhere and counts nothing.
type sum struct{ total resource.Quantity }

func (s *sum) add(text string, times int) {
	q, err := strict.ParseQuantity(text)
	if err != nil || times <= 0 {
		return
	}
	q.Mul(int64(times))
	s.total.Add(q)
}

// over says that the sum is above a limit.
func (s *sum) over(limit string) bool {
	q, err := strict.ParseQuantity(limit)
	return err == nil && s.total.Cmp(q) > 0
}
