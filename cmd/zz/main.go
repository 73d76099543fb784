package main
import ("context";"net";"os";"bufio";"bytes";"runtime/pprof";"time";"github.com/plateform/plateform/reconciler/localrun/router")
func main(){
 switch os.Args[1] {
 case "router":
  l,_:=net.Listen("tcp",os.Args[2]); r:=router.New(router.Options{}); r.Set("bench.localhost",router.Site{Addresses:os.Args[3:]})
  if f:=os.Getenv("PROF"); f!="" { w,_:=os.Create(f); pprof.StartCPUProfile(w); go func(){time.Sleep(12*time.Second); pprof.StopCPUProfile(); w.Close()}() }
  panic(r.Serve(context.Background(),l))
 case "app":
  l,_:=net.Listen("tcp",os.Args[2])
  resp:=[]byte("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1024\r\n\r\n"+string(bytes.Repeat([]byte("x"),1024)))
  for { c,err:=l.Accept(); if err!=nil{panic(err)}; go func(){ defer c.Close(); b:=bufio.NewReader(c); for { for { line,err:=b.ReadSlice('\n'); if err!=nil{return}; if len(line)<=2 {break} }; if _,err:=c.Write(resp);err!=nil{return} } }() }
 }
}
