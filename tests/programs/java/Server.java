import com.sun.net.httpserver.HttpServer;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.concurrent.Executors;

/** A server in Java whose requests spend their time in one method that is compiled as it runs. */
public final class Server {
    private static volatile long sink;

    public static void main(String[] arguments) throws Exception {
        int port = Integer.parseInt(arguments[0]);
        InetAddress loopback = InetAddress.getLoopbackAddress();
        HttpServer server = HttpServer.create(new InetSocketAddress(loopback, port), 128);
        byte[] body = "ok\n".getBytes();
        server.createContext("/", exchange -> {
            sink += work(20_000);
            exchange.sendResponseHeaders(200, body.length);
            exchange.getResponseBody().write(body);
            exchange.close();
        });
        server.setExecutor(Executors.newFixedThreadPool(2));
        server.start();
    }

    static long work(int rounds) {
        long value = 1;
        for (int round = 0; round < rounds; round++) {
            value = value * 6364136223846793005L + round;
            value ^= value >>> 29;
        }
        return value;
    }
}
