package logline

import "io"

// Writer writes what is written to it as harmless lines.
type Writer struct {
	To io.Writer
	// Plain leaves out colours, too.
	Plain bool

	cleaner Cleaner
}

// Write implements io.Writer. The last line is held back until its end comes.
func (w *Writer) Write(p []byte) (int, error) {
	if err := w.cleaner.Write(p, w.line); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Close writes the last line when it has no end. It does not close To.
func (w *Writer) Close() error {
	if text, some := w.cleaner.Rest(); some {
		return w.line(text)
	}
	return nil
}

func (w *Writer) line(text string) error {
	if w.Plain {
		text = Plain(text)
	}
	_, err := io.WriteString(w.To, text+"\n")
	return err
}
