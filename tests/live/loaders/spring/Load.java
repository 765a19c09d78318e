import java.util.Map;
import org.springframework.boot.autoconfigure.security.oauth2.client.OAuth2ClientProperties;
import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.boot.context.properties.source.ConfigurationPropertySources;
import org.springframework.boot.env.YamlPropertySourceLoader;
import org.springframework.core.env.StandardEnvironment;
import org.springframework.core.io.FileSystemResource;

/** Spring Boot's own reader: a YAML file, a prefix; prints a line `path=value` for each value that it binds. */
public class Load {
  private static final String CLIENT = "spring.security.oauth2.client";

  public static void main(String[] arguments) throws Exception {
    var environment = new StandardEnvironment();
    new YamlPropertySourceLoader()
        .load("file", new FileSystemResource(arguments[0]))
        .forEach(environment.getPropertySources()::addFirst);
    ConfigurationPropertySources.attach(environment);
    Binder binder = Binder.get(environment);
    if (arguments[1].equals(CLIENT)) {
      registrations(binder.bind(CLIENT, OAuth2ClientProperties.class).get());
    } else {
      print("", binder.bind(arguments[1], Bindable.mapOf(String.class, Object.class)).get());
    }
  }

  private static void registrations(OAuth2ClientProperties client) {
    client.validate();
    client.getRegistration().forEach((id, each) -> {
      System.out.println(id + ".client-id=" + each.getClientId());
      System.out.println(id + ".client-secret=" + each.getClientSecret());
      System.out.println(id + ".issuer-uri=" + client.getProvider().get(each.getProvider()).getIssuerUri());
    });
  }

  private static void print(String path, Object value) {
    if (value instanceof Map<?, ?> map) {
      map.forEach((key, item) -> print(path.isEmpty() ? key.toString() : path + "." + key, item));
    } else {
      System.out.println(path + "=" + value);
    }
  }
}
